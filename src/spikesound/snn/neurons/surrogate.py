"""Surrogate gradients, used in place of the spike's derivative in the backward pass.

The spike is a step, ``S = [U > 0]``, of the potential's excess ``U`` over the threshold. Its
derivative is zero almost everywhere, so that the backward pass uses another one in its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from spikesound.core.errors import choose

Surrogate = Callable[[torch.Tensor], torch.Tensor]
Derivative = Callable[[torch.Tensor, float], torch.Tensor]


def atan(excess: torch.Tensor, slope: float) -> torch.Tensor:
    """Return a/2 / (1 + (pi a U / 2)^2), of area 1: Fang et al. 2021 (parametric LIF)."""
    return slope / 2 / (1 + (math.pi / 2 * slope * excess) ** 2)


def fast_sigmoid(excess: torch.Tensor, slope: float) -> torch.Tensor:
    """Return 1 / (1 + k |U|)^2, of height 1: Zenke & Ganguli 2018 (SuperSpike)."""
    return 1 / (1 + slope * excess.abs()) ** 2


def triangular(excess: torch.Tensor, slope: float) -> torch.Tensor:
    """Return max(0, 1 - k |U|), of height 1.

    Esser et al. 2016 have k = 1; Bellec et al. 2018 (LSNN) have k = 1 / threshold, and a factor
    for damping, which is 1 here. For the triangle of area 1 (Wu et al. 2018) multiply by k.
    """
    return (1 - slope * excess.abs()).clamp(min=0)


def straight_through(excess: torch.Tensor, slope: float) -> torch.Tensor:
    """Return 1 everywhere, whatever the slope: Bengio et al. 2013."""
    return torch.ones_like(excess)


DERIVATIVES: dict[str, Derivative] = {
    "atan": atan,
    "fast_sigmoid": fast_sigmoid,
    "triangular": triangular,
    "straight_through": straight_through,
}


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, excess: torch.Tensor, slope: float, derivative: Derivative) -> Any:
        ctx.save_for_backward(excess)
        ctx.slope, ctx.derivative = slope, derivative
        return (excess > 0).to(excess.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (excess,) = ctx.saved_tensors
        return gradients[0] * ctx.derivative(excess, ctx.slope), None, None


def _spike_with(derivative: Derivative) -> Callable[[float], Surrogate]:
    def with_slope(slope: float) -> Surrogate:
        def spike(excess: torch.Tensor) -> torch.Tensor:
            spikes: torch.Tensor = _Spike.apply(excess, slope, derivative)
            return spikes

        return spike

    return with_slope


SURROGATES: dict[str, Callable[[float], Surrogate]] = {
    name: _spike_with(derivative) for name, derivative in DERIVATIVES.items()
}


def spike_function(name: str, slope: float, section: str) -> Surrogate:
    """Return the step whose gradient is the named surrogate's.

    Raises
    ------
    SpikesoundError
        If there is no surrogate of that name; ``section`` of the parameters is named.
    """
    return choose(SURROGATES, name, f"{section}.surrogate")(slope)
