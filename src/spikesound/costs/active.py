"""Number of non-zero entries of an activation, counted in one pass over it."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import torch


def active_by_place(x: torch.Tensor) -> torch.Tensor:
    """Return how many entries of (time, batch, channel, row, column) are not zero, by place.

    Parameters
    ----------
    x : float32, in any layout of memory; on another device it is copied to the processor

    Returns
    -------
    float64 tensor [shape=(row, column)]
    """
    rows, columns = x.shape[-2:]
    moved = x.detach().cpu().float().flatten(0, 1)
    if moved.is_contiguous(memory_format=torch.channels_last):
        view = moved.permute(0, 2, 3, 1).reshape(len(moved), rows * columns, -1)
    else:
        view = moved.reshape(-1, rows * columns, 1)
    return torch.from_numpy(_by_place(view.numpy()).reshape(rows, columns))


def numbers_by_place(x: torch.Tensor) -> torch.Tensor:
    """Return the sum of (time, batch, channel, row, column), by place: of numbers of spikes."""
    return x.detach().cpu().double().sum((0, 1, 2))


def ever_active(x: torch.Tensor) -> torch.Tensor:
    """Return 1 where an entry is not zero at any time, else 0 [shape=(1, batch, ...)]."""
    return (x.detach() != 0).any(0, keepdim=True).float()


def active_count(x: torch.Tensor) -> float:
    """Return how many entries are not zero."""
    return float(torch.count_nonzero(x))


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _by_place(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    outer, places, inner = x.shape
    counts = np.zeros(places)
    if inner == 1:
        for first in range(outer):
            for place in range(places):
                counts[place] += x[first, place, 0] != 0
        return counts
    for first in range(outer):
        for place in range(places):
            here = np.int32(0)
            for last in range(inner):
                here += np.int32(x[first, place, last] != 0)
            counts[place] += here
    return counts
