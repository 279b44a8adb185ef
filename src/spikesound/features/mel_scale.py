"""Slaney's mel scale and triangular filters, equal to librosa's to the bit.

They are all that a trained model would need of librosa, which brings SciPy and scikit-learn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

HZ_PER_MEL = 200 / 3
"""In the linear part of the scale."""
CORNER_HZ = 1000.0
"""Where the linear part ends and the logarithmic one begins."""
CORNER_MEL = CORNER_HZ / HZ_PER_MEL
LOG_STEP = math.log(6.4) / 27
"""Of the natural logarithm of the frequency, per mel, in the logarithmic part."""


def mel_frequencies_hz(count: int, low_hz: float, high_hz: float) -> Doubles:
    r"""Return frequencies at equal distances in mel, from the lowest to the highest.

    .. math:: m(f) = \frac{3 f}{200} \text{ below 1 kHz}, \qquad
              15 + \frac{27}{\ln 6.4} \ln \frac{f}{1000} \text{ from there on}

    References
    ----------
    Slaney 1998, "Auditory Toolbox", version 2, ``mfcc.m``.
    """
    mels = np.linspace(_mel(low_hz), _mel(high_hz), count)
    logarithmic = CORNER_HZ * np.exp(LOG_STEP * (mels - CORNER_MEL))
    return np.where(mels >= CORNER_MEL, logarithmic, HZ_PER_MEL * mels)


def mel_triangles(
    rate_hz: int, window: int, mels: int, low_hz: float, high_hz: float
) -> npt.NDArray[np.float32]:
    """Return the filters (mel, bin of the spectrum): triangles of area 1 over the frequency in Hz.

    Each rises from the middle of the filter below to its own, and falls to that of the one above.
    """
    corners_hz = mel_frequencies_hz(mels + 2, low_hz, high_hz)
    bins_hz = np.fft.rfftfreq(window, 1 / rate_hz)
    distances_hz = np.subtract.outer(corners_hz, bins_hz)
    widths_hz = np.diff(corners_hz)[:, None]
    rising = -distances_hz[:-2] / widths_hz[:-1]
    falling = distances_hz[2:] / widths_hz[1:]
    peaks: Any = 2 / (corners_hz[2:] - corners_hz[:-2])
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    scaled: npt.NDArray[np.float32] = (triangles * peaks[:, None]).astype(np.float32)
    return scaled


def _mel(hz: float) -> float:
    if hz < CORNER_HZ:
        return hz / HZ_PER_MEL
    return CORNER_MEL + float(np.log(hz / CORNER_HZ)) / LOG_STEP
