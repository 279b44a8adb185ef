"""Burst coding: a louder bin sends more spikes, and closer together."""

from __future__ import annotations

import torch

from spikesound.params import BurstParams


def burst(x: torch.Tensor, params: BurstParams, generator: torch.Generator) -> torch.Tensor:
    """Return a burst for each value, from the first step on.

    .. math::
        N_s = \\lceil N_{max} \\, x \\rceil, \\qquad
        ISI = \\lceil T_{max} - (T_{max} - T_{min}) \\, x \\rceil, \\qquad
        s_t = 1 \\text{ at } t = 0, ISI, \\dots, (N_s - 1) \\, ISI

    Zero makes no spike, and a burst of one has no interval. The generator is not used. The
    parameters' own check sees to it that the steps hold the longest burst.

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : steps, most spikes N_max, intervals T_min and T_max in steps

    Returns
    -------
    bool tensor of shape (steps, *x.shape)

    References
    ----------
    Guo et al. 2021, "Neural coding in spiking neural networks: a comparative study for robust
    neuromorphic systems", burst coding (N_max = 5, T_min = 2; their T_max is the whole window,
    which cuts bursts); Park et al. 2019, "Fast and efficient information transmission with burst
    spikes in deep spiking neural networks".
    """
    # In float64 the products of float32 values with such small numbers are exact, so that count
    # and interval fall on the same side of a level's edge.
    value = x.double()
    count = (params.spikes_max * value).ceil()
    span = params.interval_max - params.interval_min
    interval = (params.interval_max - span * value).ceil()
    times = torch.arange(params.steps, dtype=torch.float64).reshape(-1, *([1] * x.dim()))
    return (times % interval == 0) & (times < count * interval)


def burst_values(params: BurstParams) -> torch.Tensor:
    """Return the decoding weight of a spike at any step, 1 / N_max [shape=(T,)]."""
    return torch.full((params.steps,), 1 / params.spikes_max)


def decode_burst(spikes: torch.Tensor, params: BurstParams) -> torch.Tensor:
    """Return the midpoint of the values that have the count and the interval found.

    .. math::
        N_s - 1 < N_{max} \\, x \\le N_s, \\qquad
        T_{max} - ISI \\le (T_{max} - T_{min}) \\, x < T_{max} - ISI + 1

    Zero for no spike; a burst of one has the first pair of bounds alone. The error is at most
    1 / (2 N_max), and smaller where an edge of the second pair divides a range of the first.

    Parameters
    ----------
    spikes : bool tensor of shape (steps, ...)
    params : as the encoder's

    Returns
    -------
    float tensor of shape (...)
    """
    count = spikes.sum(0)
    low, high = (count - 1) / params.spikes_max, count / params.spikes_max
    span = params.interval_max - params.interval_min
    if span:
        times = torch.arange(params.steps).reshape(-1, *([1] * (spikes.dim() - 1)))
        last = (times * spikes).amax(0)
        step = params.interval_max - last // (count - 1).clamp(min=1)
        low = torch.where(count > 1, torch.maximum(low, step / span), low)
        high = torch.where(count > 1, torch.minimum(high, (step + 1) / span), high)
    return torch.where(count > 0, (low + high) / 2, 0.0)
