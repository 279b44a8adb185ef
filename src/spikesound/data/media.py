"""Sound out of any media file: decoded by ffmpeg, cut to the sample, and checked.

The file is decoded from its start and cut by counting samples. Seeking would be quicker and is not
exact: it lands on packets, which last from 20 ms to several seconds.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

import ffmpeg
import imageio_ffmpeg
import numpy as np
import soundfile
from numpy.typing import NDArray

from spikesound.errors import SpikesoundError
from spikesound.schema import STATES

Samples = NDArray[np.int16]

_PIECE_BYTES = 1 << 20  # a long recording is passed over in pieces, never held whole


class MediaError(Exception):
    """Why no clip came of a recording: one of STATES, and the reason in words."""

    def __init__(self, state: str, reason: str) -> None:
        assert state in STATES, state
        super().__init__(f"{state}: {reason}")
        self.state = state
        self.reason = reason


@cache
def ffmpeg_binary() -> str:
    """Return the system's ffmpeg, or the one that the package imageio-ffmpeg brings along.

    Raises
    ------
    SpikesoundError
        If there is neither.
    """
    try:
        return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise SpikesoundError(f"no ffmpeg on PATH nor in imageio-ffmpeg: {error}") from error


def span(rate_hz: int, start_s: float, end_s: float) -> tuple[int, int]:
    """Return the first sample of a clip, round(start_s * rate_hz), and its number of samples,
    round((end_s - start_s) * rate_hz)."""
    return round(start_s * rate_hz), round((end_s - start_s) * rate_hz)


def decode(path: Path, rate_hz: int, start_s: float, end_s: float) -> Samples:
    """Decode a stretch of a recording.

    Parameters
    ----------
    path
        Any file with sound that ffmpeg reads; of several streams of sound the first is taken.
    rate_hz
        Sampling rate of the result; channels are mixed to one.
    start_s, end_s
        The stretch, counted from the first sample; see :func:`span`.

    Returns
    -------
    ndarray [shape=(samples,)]
        16-bit samples: of the length asked for, or shorter where the recording ends before.

    Raises
    ------
    MediaError
        ``unavailable`` if there is no such file, ``failed`` if nothing can be decoded from it (with
        the last line that ffmpeg wrote), ``too_short`` if it ends before the stretch begins.
    """
    if not path.is_file():
        raise MediaError("unavailable", f"{path}: no such file")
    first, count = span(rate_hz, start_s, end_s)
    # "file:" keeps a colon in a name from being read as a protocol. The limit spares decoding the
    # rest of a long recording; its extra second is read and dropped, so that ffmpeg ends in order.
    sound = ffmpeg.input(f"file:{path}", threads=1)["a:0"]
    job = sound.output("pipe:", format="s16le", ac=1, ar=rate_hz, t=f"{end_s + 1.0:.6f}")
    command = ffmpeg.compile(job.global_args("-nostdin", "-v", "error"), cmd=ffmpeg_binary())
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        got = _skip(process.stdout, first * 2)
        content = process.stdout.read(count * 2)
        _skip(process.stdout, None)
        code = process.wait()
        log.seek(0)
        complaint = log.read().decode("utf-8", errors="replace").strip()
    if code != 0:
        raise MediaError("failed", complaint.rpartition("\n")[2] or f"ffmpeg ended with {code}")
    if not got and not content:
        raise MediaError("failed", "no sound in it")
    if not content:
        raise MediaError(
            "too_short",
            f"ends at {got / 2 / rate_hz:.3f} s, before the clip's start at {start_s:.3f} s",
        )
    return np.frombuffer(content, dtype="<i2").astype(np.int16)


def _skip(stream: IO[bytes], size: int | None) -> int:
    """Read and drop this many bytes, or all there are; return how many there were."""
    got = 0
    while size is None or got < size:
        piece = stream.read(_PIECE_BYTES if size is None else min(_PIECE_BYTES, size - got))
        if not piece:
            break
        got += len(piece)
    return got


def fit(
    samples: Samples, rate_hz: int, start_s: float, end_s: float, tolerance_s: float
) -> Samples:
    """Return the samples zero-padded to the clip's exact length, if they nearly have it.

    Raises
    ------
    MediaError
        ``too_short`` if more than ``tolerance_s`` is missing; the reason says how long they are.
    """
    _, count = span(rate_hz, start_s, end_s)
    missing = count - len(samples)
    if missing > round(tolerance_s * rate_hz):
        raise MediaError(
            "too_short", f"{len(samples) / rate_hz:.3f} s of the {count / rate_hz:.3f} s asked for"
        )
    return np.pad(samples, (0, missing))


def peak_db(samples: Samples) -> float:
    """Return the peak level in dB of full scale, 20 log10(max |x| / 32768); -inf for silence."""
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    return 20.0 * float(np.log10(peak / 32768)) if peak else -np.inf


def to_flac(samples: Samples, rate_hz: int) -> bytes:
    """Encode 16-bit samples, losslessly."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return stream.getvalue()


def from_flac(content: bytes) -> tuple[NDArray[np.float32], int]:
    """Decode a FLAC stream to samples in [-1, 1) and their sampling rate in Hz.

    Raises
    ------
    SpikesoundError
        If it is not one.
    """
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32")
    except soundfile.LibsndfileError as error:
        raise SpikesoundError(f"not a FLAC stream: {error}") from error
    return samples, int(rate_hz)
