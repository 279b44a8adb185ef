"""Time to first spike under a threshold that decays: finer steps for quieter values."""

from __future__ import annotations

import torch

from spikesound.params import TTFSParams


def ttfs(x: torch.Tensor, params: TTFSParams, generator: torch.Generator) -> torch.Tensor:
    """Return one spike for each value, at the first step at which it reaches the threshold.

    .. math:: t = \\min \\{ t : x \\ge P_{th}(t) \\}, \\quad
              P_{th}(t) = \\theta_0 \\, e^{-t / \\tau} \\quad \\text{for } t = 0 \\dots T-1

    Steps are equal ratios of x, where those of :mod:`spikesound.snn.encoding.latency` are equal
    differences. Values below the last threshold never spike. The generator is not used.

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : steps T, threshold theta_0 at the start, time constant tau in steps

    Returns
    -------
    bool tensor of shape (T, *x.shape), with at most one spike along the first axis

    References
    ----------
    Guo et al. 2021, "Neural coding in spiking neural networks: a comparative study for robust
    neuromorphic systems", time-to-first-spike coding (theta_0 = 1, tau = 6);
    Park et al. 2020, "T2FSNN: deep spiking neural networks with time-to-first-spike coding".
    """
    thresholds = _thresholds(params).reshape(-1, *([1] * x.dim()))
    reached = x >= thresholds
    # The threshold only falls: what it has reached it keeps, and the first step is where it begins.
    return reached & ~torch.cat([torch.zeros_like(reached[:1]), reached[:-1]])


def ttfs_values(params: TTFSParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step: the decoder's midpoints [shape=(T,)]."""
    edges = torch.cat([torch.ones(1), _thresholds(params)])
    return (edges[1:] + edges[:-1]) / 2


def decode_ttfs(spikes: torch.Tensor, params: TTFSParams) -> torch.Tensor:
    """Return the midpoint of the values that spike at the step found.

    .. math:: \\hat x = \\tfrac12 (P_{th}(t) + P_{th}(t-1)), \\quad P_{th}(-1) = 1, \\quad
              \\hat x = \\tfrac12 P_{th}(T-1) \\text{ without a spike}

    The error is at most half of what the threshold falls from step t - 1 to t, and half the last
    threshold without a spike.

    Parameters
    ----------
    spikes : bool tensor of shape (T, ...), with at most one spike along the first axis
    params : as the encoder's

    Returns
    -------
    float tensor of shape (...)
    """
    edges = torch.cat([torch.ones(1), _thresholds(params), torch.zeros(1)])
    midpoints = (edges[1:] + edges[:-1]) / 2
    step = torch.where(spikes.any(0), spikes.int().argmax(0), params.steps)
    return midpoints[step]


def _thresholds(params: TTFSParams) -> torch.Tensor:
    return params.threshold * torch.exp(-torch.arange(params.steps) / params.tau_steps)
