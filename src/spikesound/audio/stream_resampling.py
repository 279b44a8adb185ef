"""Another sampling rate for sound that comes in pieces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float32]


class Resampler:
    """The filter of :func:`spikesound.audio.resampling.resample`, piece by piece.

    The pieces together are, bit for bit, what that gives for the whole, whatever their sizes. The
    filter waits for some samples that come after: it holds back a few milliseconds.

    Parameters
    ----------
    from_hz, to_hz : sampling rates
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._filter = None
        if from_hz != to_hz:
            self._filter = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def feed(self, samples: Floats) -> Floats:
        """Take the next samples, and return those that are ready at the other rate."""
        return self._out(samples, last=False)

    def finish(self) -> Floats:
        """Return what was held back."""
        return self._out(np.zeros(0, np.float32), last=True)

    def _out(self, samples: Floats, last: bool) -> Floats:
        if self._filter is None:
            return samples
        changed: Floats = self._filter.resample_chunk(samples, last=last)
        return changed
