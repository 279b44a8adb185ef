"""Interface of sound sources: each gives mono blocks at its own rate, as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Source(Protocol):
    """Sound in blocks.

    Attributes
    ----------
    rate_hz : of the blocks
    dropped : blocks that came too fast and were lost
    warnings : printed at the end, one line each
    """

    rate_hz: int
    dropped: int
    warnings: list[str]

    def blocks(self) -> Iterator[Floats]:
        """Yield mono samples in full scale (sample,); a block lasts some 50 ms."""
        ...
