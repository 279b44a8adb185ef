"""Sums over all processes, through which gradients flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed, nn


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor = _Sum.apply(gradient)
        return total


def summed(x: torch.Tensor) -> torch.Tensor:
    """Return the sum of a tensor over all ranks, the same on each of them.

    .. math:: y = \\sum_r x_r, \\qquad
              \\frac{\\partial L}{\\partial x_r} = \\sum_s \\frac{\\partial L_s}{\\partial y}

    where L is the sum of the ranks' losses. Every rank must call it, in the same order.
    """
    total: torch.Tensor = _Sum.apply(x)
    return total


def means(layers: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return each tensor's mean over its elements on all ranks; a list of tensors of no axes."""
    sums = [layer.sum(dtype=torch.float32) for layer in layers]
    counts = sums[0].new_tensor([layer.numel() for layer in layers])
    total, count = summed(torch.cat([torch.stack(sums), counts])).chunk(2)
    return list((total / count).unbind())


def add_up(network: nn.Module, loss: float, fabric: Any) -> float:
    """Return the sum of the ranks' losses, and add up their gradients, in one message."""
    gradients = [each.grad for each in network.parameters() if each.grad is not None]
    flat = torch.cat([*(each.flatten() for each in gradients), gradients[0].new_tensor([loss])])
    *sums, total = fabric.all_reduce(flat, reduce_op="sum").split(
        [*(each.numel() for each in gradients), 1]
    )
    for gradient, part in zip(gradients, sums, strict=True):
        gradient.copy_(part.view_as(gradient))
    return float(total)
