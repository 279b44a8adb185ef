"""Fan-out: number of synapses of each place of a convolution's input."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch.nn import functional

from spikesound.models.grid import Geometry


@lru_cache(maxsize=256)
def fan_out_of(shape: Geometry, rows: int, columns: int) -> torch.Tensor:
    """Return the fan-out of all weights, kept for the next layer of this shape."""
    return fan_out(shape, rows, columns)


def fan_out(
    shape: Geometry, rows: int, columns: int, kernel: torch.Tensor | None = None
) -> torch.Tensor:
    """Return how many places of the output each place of the input reaches.

    .. math:: F[i, j] = \\#\\{(u, v) : 0 \\le i + p - s u < k, \\; 0 \\le j + p - s v < k\\}

    Synapses with padding have no input and are not among them. Times the output channels it is the
    number of operations that an input at (i, j) costs.

    Parameters
    ----------
    kernel : counts weights, for example 1 where a weight is not zero [shape=(output, input, k, k)];
        None: all of them, of one channel to one

    Returns
    -------
    float64 tensor [shape=(rows, columns)], with a kernel [shape=(input, rows, columns)]
    """
    weights = torch.ones(1, 1, *shape.kernel) if kernel is None else kernel
    reached = functional.conv_transpose2d(
        torch.ones(1, len(weights), *shape.size, dtype=torch.float64),
        weights.double(),
        stride=shape.stride,
    )[0]
    # From places of the padded input to those of the input; what lies beyond reaches nothing.
    ends = [
        shape.padding[i] + size - reached.shape[1 + i] for i, size in enumerate((rows, columns))
    ]
    reached = functional.pad(
        reached, (-shape.padding[1], max(0, ends[1]), -shape.padding[0], max(0, ends[0]))
    )[:, :rows, :columns]
    return reached if kernel is not None else reached[0]
