"""Sound given to a model by a program or a user: a file, a stream of bytes, or samples."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from spikesound.audio.checks import RATES_HZ
from spikesound.audio.reading import blocks
from spikesound.audio.resampling import resample
from spikesound.audio.samples import mono
from spikesound.core.errors import SpikesoundError

Floats = npt.NDArray[np.float32]
Sound = str | Path | IO[bytes] | npt.ArrayLike
"""A file, a stream of a file's bytes, or samples, (sample,) or (sample, channel)."""


class Samples:
    """Blocks of a sound at a model's rate, mono, to be read once.

    Parameters
    ----------
    sound : see :data:`Sound`
    rate_hz : of samples; None with a file
    wanted_hz : of the blocks

    Attributes
    ----------
    own_hz : sampling rate of the sound itself; None until its first block

    Raises
    ------
    SpikesoundError
        If ``rate_hz`` is missing, or given with a file, or no sampling rate. From the blocks: as of
        :func:`spikesound.audio.reading.blocks` and :func:`spikesound.audio.samples.mono`.
    """

    def __init__(self, sound: Sound, rate_hz: int | None, wanted_hz: int) -> None:
        self.own_hz: int | None = None
        self._sound, self._wanted_hz = sound, wanted_hz
        self._is_file = isinstance(sound, str | os.PathLike) or hasattr(sound, "read")
        if self._is_file and rate_hz is not None:
            raise SpikesoundError("rate_hz: expected None with a file, which has its own rate")
        if not self._is_file:
            self.own_hz = _checked(rate_hz)

    def __iter__(self) -> Iterator[Floats]:
        if not self._is_file:
            assert self.own_hz is not None
            samples = mono(cast(npt.ArrayLike, self._sound))
            return iter([resample(samples, self.own_hz, self._wanted_hz)])
        sound: Any = self._sound
        if not hasattr(sound, "read"):
            sound = Path(sound)
        return blocks(sound, self._wanted_hz, on_rate=self._set)

    def below_hz(self, frequency_hz: float) -> float:
        """Return a frequency, or half the sound's own rate if that is lower."""
        return frequency_hz if self.own_hz is None else min(frequency_hz, self.own_hz / 2)

    def _set(self, rate_hz: int) -> None:
        self.own_hz = rate_hz


def _checked(rate_hz: Any) -> int:
    low, high = RATES_HZ
    if rate_hz is None:
        raise SpikesoundError("rate_hz: missing; samples need their sampling rate")
    number = isinstance(rate_hz, int | float | np.number) and not isinstance(rate_hz, bool)
    if not number or not low <= rate_hz <= high or rate_hz != int(rate_hz):
        raise SpikesoundError(
            f"rate_hz: expected a sampling rate of {low} to {high} Hz, got {rate_hz!r}"
        )
    return int(rate_hz)
