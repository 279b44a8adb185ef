"""Population coding: overlapping receptive fields over the range of values, each by latency."""

from __future__ import annotations

import torch

from spikesound.params import LatencyParams, PopulationParams
from spikesound.snn.encoding.latency import latency, latency_values


def population(
    x: torch.Tensor, params: PopulationParams, generator: torch.Generator
) -> torch.Tensor:
    """Give each value to neurons tuned to different values; the better the fit, the earlier.

    .. math::
        a_i = e^{-(x - c_i)^2 / 2 \\sigma^2}, \\qquad
        c_i = \\frac{2 i - 3}{2 (K - 2)}, \\qquad \\sigma = \\frac{1}{\\gamma (K - 2)}, \\qquad
        i = 1 \\dots K

    The responses a spike by latency coding; those at or below the threshold do not. The outermost
    centres lie half a spacing outside of [0, 1]. Silence is a value like any other and has its
    spikes. The generator is not used.

    Parameters
    ----------
    x : float tensor (..., bin), in [0, 1]
    params : steps T, neurons K a value, sharpness gamma, threshold of the response

    Returns
    -------
    bool tensor of shape (T, ..., K bin): the K neurons of a bin side by side

    References
    ----------
    Bohte, Kok & La Poutre 2002, "Error-backpropagation in temporally encoded networks of spiking
    neurons", section 4 (gamma = 1.5; responses too late to count do not fire).
    """
    centres, width = _fields(params)
    response = torch.exp(-((x.unsqueeze(-1) - centres) ** 2) / (2 * width**2))
    return latency(response.flatten(-2), _latency(params), generator)


def population_values(params: PopulationParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step, in its neuron's response [shape=(T,)]."""
    return latency_values(_latency(params))


def decode_population(spikes: torch.Tensor, params: PopulationParams) -> torch.Tensor:
    """Return the midpoint of the range that all the neurons that spiked agree on.

    A spike at step t says that the response was at least :math:`\\rho_t = \\theta + (1 - \\theta)
    (1 - (t + 1) / T)`, so that

    .. math:: |x - c_i| \\le \\sigma \\sqrt{-2 \\ln \\rho_t}

    The ranges of all neurons and [0, 1] are intersected; the error is at most 1/2. Some centre is
    within half a spacing of any value and responds by :math:`e^{-\\gamma^2 / 8}` at least. Where
    that is above the threshold, with rho that of the step at which such a response spikes, the
    error is at most :math:`\\sigma \\sqrt{-2 \\ln \\rho}`.

    Parameters
    ----------
    spikes : bool tensor of shape (T, ..., K bin)
    params : as the encoder's

    Returns
    -------
    float tensor of shape (..., bin)
    """
    centres, width = _fields(params)
    groups = spikes.reshape(*spikes.shape[:-1], -1, params.neurons)
    share = 1.0 - (groups.int().argmax(0) + 1) / params.steps
    least = params.threshold + (1.0 - params.threshold) * share
    reach = width * torch.sqrt(-2 * least.log())  # infinite where the response may be zero
    reach = torch.where(groups.any(0), reach, torch.inf)
    low = (centres - reach).amax(-1).clamp(min=0.0)
    high = (centres + reach).amin(-1).clamp(max=1.0)
    return (low + high) / 2


def _fields(params: PopulationParams) -> tuple[torch.Tensor, float]:
    spacing = 1.0 / (params.neurons - 2)
    centres = (torch.arange(params.neurons) - 0.5) * spacing
    return centres, spacing / params.gamma


def _latency(params: PopulationParams) -> LatencyParams:
    return LatencyParams(steps=params.steps, threshold=params.threshold)
