"""The level of a sound, frame by frame, so that a page can tell quiet from a sound of no class."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LOWEST_DB = -120.0
"""Level of digital silence."""

Floats = npt.NDArray[np.float32]


class Levels:
    r"""Root mean square of the samples of each frame, in dB of full scale, as they come.

    Frame i stands for the time from :math:`(i - \frac12) h` to :math:`(i + \frac12) h`, where h is
    the hop, as in :func:`spikesound.tasks.detection.decision.edges`.

    Parameters
    ----------
    hop_s : from one frame to the next
    rate_hz : of the samples
    """

    def __init__(self, hop_s: float, rate_hz: int) -> None:
        self._hop = hop_s * rate_hz
        self._frames = 0
        self._count = 0  # samples of the frame so far
        self._sum = 0.0  # of their squares

    def feed(self, samples: Floats) -> list[float]:
        """Take the next samples; return the levels of the frames that are complete."""
        levels, start = [], 0
        while start < len(samples):
            length = max(1, round((self._frames + 0.5) * self._hop) - self._before)
            piece = samples[start : start + length - self._count].astype(np.float64)
            self._sum += float(piece @ piece)
            self._count += len(piece)
            start += len(piece)
            if self._count == length:
                levels.append(_decibels(self._sum / length))
                self._frames, self._count, self._sum = self._frames + 1, 0, 0.0
        return levels

    @property
    def _before(self) -> int:
        """Samples before this frame."""
        return max(0, round((self._frames - 0.5) * self._hop))


def _decibels(power: float) -> float:
    return max(LOWEST_DB, round(10 * math.log10(max(power, 1e-12)), 1))
