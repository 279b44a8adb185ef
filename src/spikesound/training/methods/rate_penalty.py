"""Hinge penalty on firing rates, by depth, that grows from zero."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from spikesound.params import PenaltyParams


def hinge_penalty(spikes: Sequence[torch.Tensor], target: float, depth: float) -> torch.Tensor:
    r"""Return how far the layers' firing rates are above a target, weighted by depth.

    .. math:: R = \frac{1}{L} \sum_{l=1}^{L} a_l \max(0, r_l - \rho), \qquad
              a_l = \frac{L (l / L)^p}{\sum_k (k / L)^p}

    with :math:`r_l` the mean of layer l's spikes over steps, clips and neurons. Below the target
    nothing is asked for; above it the pull is the same however near the rate is, where a squared
    distance lets go. The weights have a mean of 1.

    Parameters
    ----------
    spikes : for each layer a float tensor (time, batch, ...); at least one layer
    target : rho, spikes per neuron and step
    depth : p; 0: all layers alike, 1: linear in the depth

    References
    ----------
    Zenke & Vogels 2021, "The remarkable robustness of surrogate gradient learning for instilling
    complex function in spiking neural networks" (upper bound on activity).
    """
    rates = torch.stack([layer.mean() for layer in spikes])
    places = torch.arange(1, len(rates) + 1, device=rates.device) / len(rates)
    weights = places**depth
    return (weights / weights.mean() * (rates - target).clamp(min=0)).mean()


def ramp(params: PenaltyParams, share: float) -> float:
    """Return the weight of the penalty after a share of the training: 0, then growing linearly."""
    if share < params.start or not params.weight:
        return 0.0
    if params.ramp == 0:
        return params.weight
    return params.weight * min(1.0, (share - params.start) / params.ramp)
