"""Sound of any file that ffmpeg reads, of any length, block by block.

A file is read as it is or not at all: one whose decoder complains, or that ends before its header
says so, raises an error when the sound ends, so that nothing of it is taken for good.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt

from spikesound.audio.checks import (
    check_end,
    complaint,
    is_endless,
    refuse_archives,
    stated_rate_hz,
)
from spikesound.audio.ffmpeg import JobError, local_sound, log_text, stream
from spikesound.audio.resampling import Resampler
from spikesound.audio.samples import within_full_scale
from spikesound.core.errors import SpikesoundError, short

Floats = npt.NDArray[np.float32]
Source: TypeAlias = "Path | IO[bytes]"
"""A file; or a stream of one's bytes, copied to disk first: not all formats can go in order."""

STALL_S = 60.0
"""Maximum time without output before a decoder is stopped."""

_PIECE_BYTES = 1 << 18


def blocks(
    source: Source,
    rate_hz: int,
    block_s: float = 10.0,
    *,
    stall_s: float = STALL_S,
    on_rate: Callable[[int], None] | None = None,
) -> Iterator[Floats]:
    """Decode a sound, mix its channels to one and change its rate, in bounded memory.

    The rate is changed by soxr's HQ filter, as of the clips that models are trained on
    (:func:`spikesound.audio.resampling.resample`), with the same samples as a whole.

    Parameters
    ----------
    source
        Of several streams of sound the first is taken. Only local files are opened, and none that
        another file names: no playlists, no addresses.
    rate_hz
        Of the result.
    block_s
        Length of a block; the last one is shorter.
    stall_s
        Longest wait for the decoder's next output.
    on_rate
        Is called with the sound's own rate, in Hz, before its first block.

    Yields
    ------
    ndarray
        Samples, float32, within [-1, 1] [shape=(samples,)].

    Raises
    ------
    SpikesoundError
        Naming the file: if it is missing, has no sound, is damaged or cut off (also after blocks
        were given), holds samples that are not numbers, or its decoder stalls.
    """
    length = max(1, round(block_s * rate_hz))
    name = str(source) if isinstance(source, Path) else "stdin"
    with _on_disk(source) as path:
        refuse_archives(path, name)
        yield from _regrouped(_resampled(_pieces(path, name, stall_s), rate_hz, on_rate), length)


@contextmanager
def _on_disk(source: Source) -> Iterator[Path]:
    if isinstance(source, Path):
        try:
            exists = source.exists()
        except OSError as error:  # its name is too long
            raise SpikesoundError(f"{short(str(source))}: {error.strerror}") from error
        if not exists:
            raise SpikesoundError(f"{source}: no such file")
        if not source.is_file():
            raise SpikesoundError(f"{source}: not a file")
        yield source
        return
    with tempfile.NamedTemporaryFile(prefix="spikesound-") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)


def _pieces(path: Path, name: str, stall_s: float) -> Iterator[tuple[int, Floats]]:
    """Yield the rate of the file, in Hz, with each piece of its samples."""
    endless = is_endless(path)
    # Without rematrix_maxval several channels make float samples louder than the 16-bit ones of the
    # training clips.
    job = local_sound(path.absolute(), err_detect="crccheck").output(
        "pipe:", format="f32le", ac=1, rematrix_maxval=1
    )
    if not endless:
        job = job.global_args("-xerror")
    rate_hz, count, code = 0, 0, 0
    with tempfile.TemporaryFile() as log:
        try:
            for content in stream(
                job, log, level="level+info", piece_bytes=_PIECE_BYTES, stall_s=stall_s
            ):
                rate_hz = rate_hz or stated_rate_hz(log_text(log), name)
                whole = np.frombuffer(content, "<f4", len(content) // 4)
                samples = within_full_scale(whole.astype(np.float32), name)
                count += len(samples)
                yield rate_hz, samples
        except TimeoutError as error:
            raise SpikesoundError(
                f"{name}: its decoder timed out: no output for {stall_s:g} s"
            ) from error
        except JobError as error:
            code = error.code
        messages = log_text(log)
    words = complaint(messages, endless)
    if words:
        what = "damaged" if count else "no sound can be read from it"
        raise SpikesoundError(f"{name}: {what}: {words}")
    if code:
        raise SpikesoundError(f"{name}: its decoder failed with exit code {code}")
    if not count:
        raise SpikesoundError(f"{name}: no sound in it")
    if not endless:
        check_end(path, name, messages, count / rate_hz)


def _resampled(
    pieces: Iterable[tuple[int, Floats]], rate_hz: int, on_rate: Callable[[int], None] | None
) -> Iterator[Floats]:
    resampler = None
    for from_hz, piece in pieces:
        if resampler is None and on_rate is not None:
            on_rate(from_hz)
        resampler = resampler or Resampler(from_hz, rate_hz)
        yield resampler.feed(piece)
    if resampler is not None:
        yield resampler.finish()


def _regrouped(pieces: Iterable[Floats], length: int) -> Iterator[Floats]:
    waiting: list[Floats] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= length:
            joined = np.concatenate(waiting)
            whole = len(joined) // length * length
            yield from (joined[at : at + length] for at in range(0, whole, length))
            waiting = [joined[whole:]]
    rest = np.concatenate([*waiting, np.zeros(0, np.float32)])
    if len(rest):
        yield rest
