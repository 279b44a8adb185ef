"""Bounds of learnt constants: used within them, and led back by the gradient from outside.

A plain clamp has no gradient outside its bounds: what an optimiser's step has carried out of them
stays there. Here a gradient that leads back passes, and one that leads further out does not.
Inside, values and gradients are those of the clamp, bit by bit.
"""

from __future__ import annotations

from typing import Any

import torch


def unit(x: torch.Tensor) -> torch.Tensor:
    """Return a decay within [0, 1]."""
    return _within(x, 0.0, 1.0)


def positive(x: torch.Tensor) -> torch.Tensor:
    """Return a threshold above zero: at least the smallest normal number of its type."""
    return _within(x, torch.finfo(x.dtype).tiny, None)


def _within(x: torch.Tensor, low: float, high: float | None) -> torch.Tensor:
    if not (x.requires_grad and torch.is_grad_enabled()):
        return x.clamp(low, high)
    bounded: torch.Tensor = _Within.apply(x, low, high)
    return bounded


class _Within(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, low: float, high: float | None) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.low, ctx.high = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (x,) = ctx.saved_tensors
        (gradient,) = gradients
        outwards = (x < ctx.low) & (gradient > 0)  # descent goes against the gradient
        if ctx.high is not None:
            outwards = outwards | ((x > ctx.high) & (gradient < 0))
        return torch.where(outwards, 0.0, gradient), None, None
