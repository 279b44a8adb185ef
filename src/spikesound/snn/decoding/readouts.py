"""Read-outs: from the output neurons' spikes or membranes over time to a score for each class."""

from __future__ import annotations

from collections.abc import Callable

import torch

Readout = Callable[[torch.Tensor], torch.Tensor]


def spike_count(spikes: torch.Tensor) -> torch.Tensor:
    """Return the number of spikes of each class.

    .. math:: z_c = \\sum_t S_c(t)

    Parameters
    ----------
    spikes : float tensor (time, batch, class), 0 or 1

    Returns
    -------
    float tensor (batch, class)
    """
    return spikes.sum(0)


def first_spike_step(spikes: torch.Tensor) -> torch.Tensor:
    """Return the step of each neuron's first spike; the number of steps T if it has none.

    .. math:: t_c = \\sum_{t=0}^{T-1} \\prod_{u=0}^{t} (1 - S_c(u))

    The steps before the first spike are counted, and nothing but the spikes' own derivative (the
    surrogate's) is needed to differentiate it: a spike at u, before the first one, would save
    t_c - u steps; those after the first one change nothing. A neuron without a spike is not without
    a gradient.

    Parameters
    ----------
    spikes : float tensor (time, batch, class), 0 or 1

    Returns
    -------
    float tensor (batch, class), 0 to T
    """
    return (1.0 - spikes).cumprod(0).sum(0)


def first_spike(spikes: torch.Tensor) -> torch.Tensor:
    """Return a score that is the higher, the earlier the first spike.

    .. math:: z_c = -t_c

    Parameters
    ----------
    spikes : float tensor (time, batch, class), 0 or 1

    Returns
    -------
    float tensor (batch, class), -T to 0, with t_c of :func:`first_spike_step`
    """
    return -first_spike_step(spikes)


def membrane_maximum(membrane: torch.Tensor) -> torch.Tensor:
    """Return the highest membrane potential of each class over time.

    .. math:: z_c = \\max_t U_c(t)

    Parameters
    ----------
    membrane : float tensor (time, batch, class)

    Returns
    -------
    float tensor (batch, class)
    """
    return membrane.amax(0)


def membrane_sum(membrane: torch.Tensor) -> torch.Tensor:
    """Return the membrane potential of each class summed over time.

    .. math:: z_c = \\sum_t U_c(t)

    Parameters
    ----------
    membrane : float tensor (time, batch, class)

    Returns
    -------
    float tensor (batch, class)
    """
    return membrane.sum(0)
