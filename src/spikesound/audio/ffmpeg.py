"""Sound out of any media file: decoded by ffmpeg, cut to the sample, and checked.

A file is decoded from its start and cut by counting samples. Seeking would be quicker and is not
exact: it lands on packets, which last from 20 ms to several seconds.
"""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import starmap
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
import soundfile
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import STATES

Samples = NDArray[np.int16]

_PIECE_BYTES = 1 << 20  # a long recording is passed over in pieces, never held whole


# What a recording may be. Above all no playlist, whose entries ffmpeg would open in turn: a sound
# from elsewhere must not name files of this machine.
CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,live_flv,m4v,matroska,webm,mov,mp4,m4a,"
    "3gp,3g2,mj2,mp3,mpeg,mpegts,mpegvideo,ogg,opus,rm,tta,voc,w64,wav,wv"
)

Span = tuple[float, float]
"""Start and end of a clip in its recording, in seconds."""


class MediaError(Exception):
    """Why no clip came of a recording.

    Attributes
    ----------
    state
        One of STATES.
    reason
        In words.
    retry
        Whether another attempt may help.
    refusal
        Whether it says something of the site or the network rather than of this recording: many in
        a row mean that going on is useless.
    wait_s
        How long the site asks to be left alone before that.
    """

    def __init__(
        self,
        state: str,
        reason: str,
        retry: bool = False,
        refusal: bool = False,
        wait_s: float = 0.0,
    ) -> None:
        assert state in STATES, state
        # All of them, as they came, so that an error can be sent from one process to another.
        super().__init__(state, reason, retry, refusal, wait_s)
        self.state = state
        self.reason = reason
        self.retry = retry
        self.refusal = refusal
        self.wait_s = wait_s

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}"


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
    """Decode one stretch of a recording: :func:`cut` for a single span.

    Raises
    ------
    MediaError
        Also ``too_short``, if the recording ends before the stretch begins.
    """
    [(_, samples)] = cut(path, rate_hz, [(start_s, end_s)])
    if isinstance(samples, MediaError):
        raise samples
    return samples


def cut(
    path: Path, rate_hz: int, spans: Sequence[Span]
) -> Iterator[tuple[int, Samples | MediaError]]:
    """Decode a recording once, and cut all its clips out of it.

    Parameters
    ----------
    path
        Any local file with sound that ffmpeg reads; of several streams of sound the first is taken.
    rate_hz
        Sampling rate of the result; channels are mixed to one.
    spans
        The clips, counted from the first sample; see :func:`span`. They may overlap.

    Yields
    ------
    tuple
        The number of a span and its samples, 16 bit [shape=(samples,)]: of the length asked for, or
        shorter where the recording ends before; a MediaError ``too_short`` where it ends before the
        clip begins. Only clips that are not complete yet are held in memory.

    Raises
    ------
    MediaError
        ``unavailable`` if there is no such file, ``failed`` if nothing can be decoded from it (with
        the last line that ffmpeg wrote).
    """
    if not path.is_file():
        raise MediaError("unavailable", f"{path}: no such file")
    # "file:" keeps a colon in a name from being read as a protocol. The limit spares decoding the
    # rest of a long recording; its extra second is read and dropped, so that ffmpeg ends in order.
    sound = ffmpeg.input(
        f"file:{path}", threads=1, protocol_whitelist="file", format_whitelist=CONTAINERS
    )["a:0"]
    until_s = max(end_s for _, end_s in spans) + 1.0
    job = sound.output("pipe:", format="s16le", ac=1, ar=rate_hz, t=f"{until_s:.6f}")
    yield from cut_stream(pcm(job), rate_hz, spans)


def pcm(job: Any, limit_s: float | None = None) -> Iterator[bytes]:
    """Run an ffmpeg-python job that writes to a pipe, and yield what it writes in pieces.

    Raises
    ------
    MediaError
        ``failed`` if ffmpeg ends with an error (the reason is the last line that it wrote), or is
        not done after ``limit_s``.
    """
    command = ffmpeg.compile(job.global_args("-nostdin", "-v", "error"), cmd=ffmpeg_binary())
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        clock = threading.Timer(limit_s or 0.0, process.kill)
        if limit_s is not None:
            clock.start()
        try:
            yield from iter(partial(process.stdout.read, _PIECE_BYTES), b"")
        except GeneratorExit:
            process.kill()
            raise
        finally:
            clock.cancel()
        code = process.wait()
        log.seek(0)
        complaint = log.read().decode("utf-8", errors="replace").strip()
    if code == -signal.SIGKILL:
        raise MediaError("failed", f"not done after {limit_s} s")
    if code != 0:
        raise MediaError("failed", complaint.rpartition("\n")[2] or f"ffmpeg ended with {code}")


def cut_stream(
    pieces: Iterable[bytes], rate_hz: int, spans: Sequence[Span]
) -> Iterator[tuple[int, Samples | MediaError]]:
    """Cut clips out of 16-bit samples that come piece by piece; see :func:`cut`."""
    bounds = [
        (2 * first, 2 * (first + count)) for first, count in starmap(partial(span, rate_hz), spans)
    ]
    parts: dict[int, list[bytes]] = {number: [] for number in range(len(spans))}
    done = 0
    for piece in pieces:
        for number in list(parts):
            first, last = bounds[number]
            parts[number].append(piece[max(first - done, 0) : max(last - done, 0)])
            if last <= done + len(piece):
                yield number, _samples(parts.pop(number))
        done += len(piece)
    if not done:
        raise MediaError("failed", "no sound in it")
    for number, pieces_of in parts.items():
        start_s = spans[number][0]
        if bounds[number][0] >= done:
            length_s = done / 2 / rate_hz
            reason = f"ends at {length_s:.3f} s, before the clip's start at {start_s:.3f} s"
            yield number, MediaError("too_short", reason)
        else:
            yield number, _samples(pieces_of)


def _samples(parts: list[bytes]) -> Samples:
    return np.frombuffer(b"".join(parts), dtype="<i2").astype(np.int16)


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
