"""Tensors (time, ...) as arrays (time, column), with the columns as they lie in memory."""

from __future__ import annotations

import math

import torch


def memory_order(x: torch.Tensor) -> list[int]:
    """Return the axes of x as they lie in memory, time first: so channels may be last."""
    strides = x.stride()
    rest = sorted(range(1, x.dim()), key=lambda axis: -int(strides[axis]))
    return [0, *rest]


def flattened(x: torch.Tensor, order: list[int]) -> torch.Tensor:
    """Return x as a contiguous array (time, column), its axes taken in an order."""
    return x.permute(order).reshape(len(x), math.prod(x.shape[1:])).contiguous()


def shaped(flat: torch.Tensor, shape: torch.Size, order: list[int]) -> torch.Tensor:
    """Give (time, column) the shape it had before its axes were taken in an order."""
    laid = flat.view([shape[axis] for axis in order])
    return laid.permute([order.index(axis) for axis in range(len(order))])


def laid_as(x: torch.Tensor, strides: tuple[int, ...]) -> torch.Tensor:
    """Return x with its axes in memory in the order of strides; those of an expanded axis first.

    A batch norm's backward pass is many times slower where gradients lie otherwise than its input.
    """
    order = sorted(range(x.dim()), key=lambda axis: -strides[axis] or -math.inf)
    return x.permute(order).contiguous().permute([order.index(axis) for axis in range(x.dim())])
