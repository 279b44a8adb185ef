"""Convolution over frames and bins with 2 x 2 pooling, as the one convolution that it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

Pool = Literal["average", "max", "stride", "inputs", "none"]
"""Pooling of 2 x 2 places: mean or maximum of the currents, every other place of both axes, mean of
the inputs, none."""


@dataclass(frozen=True)
class Geometry:
    """Kernel, stride and padding along both axes, and the places of the output.

    Attributes
    ----------
    weights : different ones of the kernel, from one channel to one
    merged_bits : how much longer they are, by a mean that is merged into them
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    size: tuple[int, int]
    weights: int
    merged_bits: int = 0


@dataclass(frozen=True)
class Grid:
    """A convolution with a square kernel, padded, and pooling of 2 x 2 places behind or before it.

    An axis with a single row is not pooled.
    """

    kernel: int
    pool: Pool

    def stride(self, rows: int, columns: int) -> tuple[int, int]:
        """Return over how many rows and columns of the input is pooled."""
        return (1, 1) if self.pool == "none" else (1 + (rows > 1), 1 + (columns > 1))

    def on(self, rows: int, columns: int) -> Geometry:
        """Return the one convolution that is computed on an input of rows x columns.

        A mean is part of it, as is a stride. With pooling by the maximum the convolution is at
        every place, and the maximum is not part of it.
        """
        k = self.kernel
        high, wide = (1, 1) if self.pool == "max" else self.stride(rows, columns)
        kernel, padding = (k, k), (k // 2, k // 2)
        weights, longer = k * k, 0
        if self.pool == "average":
            kernel = k + high - 1, k + wide - 1
            weights = kernel[0] * kernel[1]
            longer = (high > 1) + (wide > 1)  # sums of 2 or of 4 weights
        elif self.pool == "inputs":
            kernel, padding = (k * high, k * wide), (k // 2 * high, k // 2 * wide)
        size = (
            (rows + 2 * padding[0] - kernel[0]) // high + 1,
            (columns + 2 * padding[1] - kernel[1]) // wide + 1,
        )
        return Geometry(kernel, (high, wide), padding, size, weights, longer)

    def merged(self, weight: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        """Return the kernel (output, input, ...) of that convolution from the layer's weight."""
        if self.pool == "average":
            return merged_average(weight, self.stride(rows, columns))
        if self.pool == "inputs":
            return spread(weight, self.stride(rows, columns))
        return weight


def merged_average(weight: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    r"""Return the kernel of convolution and mean over ``size`` places as one convolution.

    .. math::
        \frac{1}{p q} \sum_{i, j} (w * x)[p u + i, q v + j] = (w' * x)[p u, q v], \qquad
        w'[a, b] = \frac{1}{p q} \sum_{i < p, j < q} w[a - i, b - j]

    Its stride is ``size``. With 2 x 2 places and a kernel of k x k that is (k + 1)^2 products for
    each pooled value instead of 4 k^2.

    Parameters
    ----------
    weight : (output, input, k, k)
    size : p and q

    Returns
    -------
    (output, input, k + p - 1, k + q - 1)
    """
    high, wide = size
    padded = functional.pad(weight, (wide - 1, wide - 1, high - 1, high - 1))
    return functional.avg_pool2d(padded, size, stride=1)


def spread(weight: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    r"""Return the kernel of a mean over ``size`` places and a convolution behind it as one.

    .. math::
        (w * \bar x)[u, v] = (w' * x)[p u, q v], \qquad
        \bar x[u, v] = \frac{1}{p q} \sum_{i < p, j < q} x[p u + i, q v + j], \qquad
        w'[a, b] = \frac{1}{p q} w[\lfloor a / p \rfloor, \lfloor b / q \rfloor]

    Its stride is ``size``. Of binary inputs each adds weights to places of the output, and no mean
    is computed; there are k^2 weights, each in p q places of the kernel.

    Parameters
    ----------
    weight : (output, input, k, k)
    size : p and q

    Returns
    -------
    (output, input, p k, q k)
    """
    high, wide = size
    return weight.repeat_interleave(high, 2).repeat_interleave(wide, 3) / (high * wide)
