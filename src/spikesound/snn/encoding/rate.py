"""Rate coding: a louder bin spikes more often."""

from __future__ import annotations

import torch

from spikesound.params import RateParams


def rate(x: torch.Tensor, params: RateParams, generator: torch.Generator) -> torch.Tensor:
    """Draw independent spikes whose probability per step is the value.

    .. math:: P(s_t = 1) = \\min(1, g \\, x) \\quad \\text{for } t = 0 \\dots T-1

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : steps T and gain g
    generator : source of the draws

    Returns
    -------
    bool tensor of shape (T, *x.shape)

    References
    ----------
    Guo et al. 2021, "Neural coding in spiking neural networks: a comparative study for robust
    neuromorphic systems", rate coding.
    """
    draws = torch.rand((params.steps, *x.shape), generator=generator)
    return draws < params.gain * x


def rate_values(params: RateParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step, 1 / (g T) [shape=(T,)]."""
    return torch.full((params.steps,), 1 / (params.gain * params.steps))


def decode_rate(spikes: torch.Tensor, params: RateParams) -> torch.Tensor:
    """Return the values whose expected number of spikes is the one that is found.

    .. math:: \\hat x = \\min\\left(1, \\frac{1}{g T} \\sum_t s_t\\right)

    Where g x <= 1, the estimate of drawn spikes has no bias but for that minimum, and standard
    deviation at most :math:`\\sqrt{g x (1 - g x) / T} / g`; the error of evenly spaced ones is at
    most 1 / (2 g T). Values above 1 / g all spike at each step, and come back as 1 / g.

    Parameters
    ----------
    spikes : bool tensor of shape (T, ...)
    params : gain g

    Returns
    -------
    float tensor of shape (...)
    """
    return (spikes.float().mean(0) / params.gain).clamp(max=1.0)
