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
