"""Latency coding, or time to first spike: a louder bin spikes earlier, and once."""

from __future__ import annotations

import torch

from spikesound.params import LatencyParams


def latency(x: torch.Tensor, params: LatencyParams, generator: torch.Generator) -> torch.Tensor:
    """Return one spike for each value above the threshold, the earlier the larger the value.

    .. math:: t = \\min(T - 1, \\lfloor (1 - x') \\, T \\rfloor), \\quad
              x' = (x - \\theta) / (1 - \\theta) \\quad \\text{if } x > \\theta

    Values at or below the threshold never spike. The generator is not used.

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : steps T and threshold theta

    Returns
    -------
    bool tensor of shape (T, *x.shape), with at most one spike along the first axis

    References
    ----------
    Thorpe, Delorme & Van Rullen 2001, "Spike-based strategies for rapid processing";
    Guo et al. 2021, "Neural coding in spiking neural networks", time-to-first-spike coding.
    """
    span = max(1.0 - params.threshold, 1e-9)
    level = (x - params.threshold) / span
    moment = ((1.0 - level) * params.steps).floor().clamp(0, params.steps - 1)
    steps = torch.arange(params.steps, dtype=x.dtype).reshape(-1, *([1] * x.dim()))
    return (moment == steps) & (x > params.threshold)


def latency_values(params: LatencyParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step: the decoder's midpoints [shape=(T,)]."""
    level = 1.0 - (torch.arange(params.steps) + 0.5) / params.steps
    return params.threshold + (1.0 - params.threshold) * level


def decode_latency(spikes: torch.Tensor, params: LatencyParams) -> torch.Tensor:
    """Return the midpoint of the values that spike at the step found.

    .. math:: \\hat x = \\theta + (1 - \\theta) \\left(1 - \\frac{t + 1/2}{T}\\right), \\quad
              \\hat x = \\theta / 2 \\text{ without a spike}

    The error is at most (1 - theta) / (2 T) with a spike and theta / 2 without.

    Parameters
    ----------
    spikes : bool tensor of shape (T, ...), with at most one spike along the first axis
    params : steps T and threshold theta

    Returns
    -------
    float tensor of shape (...)
    """
    moment = spikes.int().argmax(0).float()
    level = 1.0 - (moment + 0.5) / params.steps
    value = params.threshold + (1.0 - params.threshold) * level
    return torch.where(spikes.any(0), value, params.threshold / 2)
