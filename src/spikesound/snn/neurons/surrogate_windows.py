"""Surrogate gradients of the spiking benchmarks' recipes, which vanish away from the threshold."""

from __future__ import annotations

from typing import Any

import torch

from spikesound.core.errors import choose
from spikesound.snn.neurons.surrogate import DERIVATIVES, Derivative, Surrogate


def exponential(excess: torch.Tensor, slope: float) -> torch.Tensor:
    """Return exp(-k |U|), of height 1: Shrestha & Orchard 2018 (SLAYER)."""
    return torch.exp(-slope * excess.abs())


def boxcar(excess: torch.Tensor, slope: float) -> torch.Tensor:
    """Return 1 where |U| is at most 1 / 2k, else 0, of height 1: Kaiser et al. 2020 (DECOLLE)."""
    return (2 * slope * excess.abs() <= 1).to(excess.dtype)


WINDOWS: dict[str, Derivative] = DERIVATIVES | {"exponential": exponential, "boxcar": boxcar}
"""All derivatives by name: those of every neuron, and the two of this module."""


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


def window_function(name: str, slope: float, section: str) -> Surrogate:
    """Return the step ``[U > 0]`` whose gradient is the named derivative's.

    Raises
    ------
    SpikesoundError
        If there is no derivative of that name; ``section`` of the parameters is named.
    """
    derivative = choose(WINDOWS, name, f"{section}.surrogate")

    def spike(excess: torch.Tensor) -> torch.Tensor:
        spikes: torch.Tensor = _Spike.apply(excess, slope, derivative)
        return spikes

    return spike
