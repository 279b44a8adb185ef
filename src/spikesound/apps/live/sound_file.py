"""A file as a source, faster than real time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError

Floats = npt.NDArray[np.float32]


class SoundFile:
    """The sound of a local file, as ``spikesound detect`` reads it.

    Parameters
    ----------
    path : any file with sound that ffmpeg reads
    rate_hz : of the blocks
    name : of the file in messages; None: its path

    Raises
    ------
    SpikesoundError
        From :meth:`blocks`: if there is no such file, or it cannot be decoded to its end.
    """

    def __init__(self, path: Path, rate_hz: int, name: str | None = None) -> None:
        self.rate_hz = rate_hz
        self.own_hz: int | None = None
        """Sampling rate of the file itself; None until its first block."""
        self.dropped = 0
        self.warnings: list[str] = []
        self._path, self._name = path, str(path) if name is None else name

    def blocks(self) -> Iterator[Floats]:
        """Yield blocks of half a second; memory is the same for a file of any length."""
        try:
            yield from blocks(self._path, self.rate_hz, block_s=0.5, on_rate=self._set)
        except SpikesoundError as error:
            raise SpikesoundError(str(error).replace(str(self._path), self._name)) from error

    def _set(self, rate_hz: int) -> None:
        self.own_hz = rate_hz
