"""Sound of any file that ffmpeg reads, of any length, block by block.

A file is read as it is or not at all: one that is not whole (:mod:`spikesound.audio.decoding`)
raises an error when the sound ends, so that nothing of it is taken for good.
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

from spikesound.audio.decoding import STALL_S, NotWholeError, decoded
from spikesound.audio.resampling import Resampler
from spikesound.core.errors import SpikesoundError, short

Floats = npt.NDArray[np.float32]
Source: TypeAlias = "Path | IO[bytes]"
"""A file; or a stream of one's bytes, copied to disk first: not all formats can go in order."""


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
        A file or its bytes; see :func:`spikesound.audio.decoding.decoded`.
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
        try:
            pieces = _resampled(decoded(path, stall_s=stall_s), rate_hz, on_rate)
            yield from _regrouped(pieces, length)
        except NotWholeError as error:
            raise SpikesoundError(f"{short(name)}: {error}") from error


@contextmanager
def _on_disk(source: Source) -> Iterator[Path]:
    if isinstance(source, Path):
        yield source
        return
    with tempfile.NamedTemporaryFile(prefix="spikesound-") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)


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
