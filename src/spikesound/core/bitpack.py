"""Spikes as bits: eight to a byte, one thirty-second of float32."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def pack(spikes: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Pack booleans (..., n) into bytes (..., ceil(n / 8)), first spike in the highest bit."""
    return np.packbits(spikes, axis=-1)


def unpack(packed: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.bool_]:
    """Undo :func:`pack`: bytes (..., ceil(count / 8)) to booleans (..., count)."""
    return np.unpackbits(packed, axis=-1, count=count).view(np.bool_)
