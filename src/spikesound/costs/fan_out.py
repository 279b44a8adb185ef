"""Fan-out: number of synapses of each place of a convolution's input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.nn import functional

from spikesound.models.layers import Grid


@dataclass(frozen=True)
class Geometry:
    """Kernel, stride and padding along both axes, and the places of the output.

    ``merged_bits``: how much longer weights become by a mean that is merged into the kernel.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    size: tuple[int, int]
    merged_bits: int = 0


def geometry(grid: Grid, rows: int, columns: int) -> Geometry:
    """Return the convolution that is computed on an input of rows x columns.

    Pooling by the mean is part of it (one convolution of stride 2), as is a stride. With pooling by
    the maximum the convolution is at every place, and the maximum is not counted here.
    """
    k = grid.kernel
    padding = (k // 2, k // 2)
    high, wide = grid.stride(rows, columns)
    if grid.pool == "max":
        kernel, stride = (k, k), (1, 1)
    elif grid.pool == "stride":
        kernel, stride = (k, k), (high, wide)
    else:
        kernel, stride = (k + high - 1, k + wide - 1), (high, wide)
    places = (rows, columns)
    size = tuple((places[i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in (0, 1))
    merged = (kernel[0] > k) + (kernel[1] > k)  # sums of 2 or of 4 weights
    return Geometry(kernel, stride, padding, (size[0], size[1]), merged)


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
