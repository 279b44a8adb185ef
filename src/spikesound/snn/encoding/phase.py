"""Phase coding: the binary digits of the value, one a step, as in a common oscillation."""

from __future__ import annotations

import torch

from spikesound.params import PhaseParams


def phase(x: torch.Tensor, params: PhaseParams, generator: torch.Generator) -> torch.Tensor:
    """Spike at each phase whose binary digit of the value is one, the highest digit first.

    .. math:: s_t = \\lfloor q / 2^{K - 1 - k} \\rfloor \\bmod 2, \\quad k = t \\bmod K, \\quad
              q = \\min(2^K - 1, \\lfloor 2^K x \\rfloor)

    The digits are repeated in each period of K phases. A spike at phase k has the decoding
    weight :func:`phase_weights`; the spikes themselves are all alike. The generator is not used.

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : steps T, a multiple of the number of phases K

    Returns
    -------
    bool tensor of shape (T, *x.shape)

    References
    ----------
    Guo et al. 2021, "Neural coding in spiking neural networks: a comparative study for robust
    neuromorphic systems", phase coding (K = 8); Kim et al. 2018, "Deep neural networks with
    weighted spikes".
    """
    levels = 1 << params.phases
    number = (x.double() * levels).floor().clamp(max=levels - 1).long()
    places = params.phases - 1 - torch.arange(params.steps) % params.phases
    digits = (number >> places.reshape(-1, *([1] * x.dim()))) & 1
    return digits.bool()


def phase_weights(params: PhaseParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step.

    .. math:: w_t = 2^{-(1 + t \\bmod K)}

    Returns
    -------
    float tensor of shape (T,)
    """
    digit = torch.arange(params.steps) % params.phases
    return torch.exp2(-(1.0 + digit))


def phase_values(params: PhaseParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step, w_t K / T [shape=(T,)]."""
    return phase_weights(params) * params.phases / params.steps


def decode_phase(spikes: torch.Tensor, params: PhaseParams) -> torch.Tensor:
    """Return the weighted sum of the spikes of a period, and half of the last digit.

    .. math:: \\hat x = \\frac{K}{T} \\sum_t w_t s_t + 2^{-(K + 1)}

    The half is for what lies between two numbers of K digits: the error is at most 2^-(K+1).

    Parameters
    ----------
    spikes : bool tensor of shape (T, ...)
    params : steps T and number of phases K

    Returns
    -------
    float tensor of shape (...)
    """
    periods = params.steps // params.phases
    total: torch.Tensor = torch.tensordot(phase_weights(params), spikes.float(), dims=1)
    return total / periods + 0.5 / (1 << params.phases)
