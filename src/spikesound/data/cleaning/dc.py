"""An offset of the whole wave, as cheap sound cards add it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]


def remove_dc(samples: Wave) -> tuple[Wave, float]:
    """Subtract the mean: ``x - mean(x)``.

    Parameters
    ----------
    samples
        One wave in full scale, ``(sample,)``.

    Returns
    -------
    tuple
        The wave, and the mean that was taken off it, in full scale.
    """
    if not len(samples):
        return samples, 0.0
    offset = float(np.mean(samples, dtype=np.float64))
    return samples - np.float32(offset), offset
