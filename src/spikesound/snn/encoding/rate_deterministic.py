"""Rate coding without chance: spikes as evenly spaced as the steps allow."""

from __future__ import annotations

import torch

from spikesound.params import RateParams


def rate_deterministic(
    x: torch.Tensor, params: RateParams, generator: torch.Generator
) -> torch.Tensor:
    """Spike whenever a perfect integrator of the value crosses its threshold.

    .. math:: s_t = \\lfloor p (t + 1) + 1/2 \\rfloor - \\lfloor p t + 1/2 \\rfloor, \\quad
              p = \\min(1, g \\, x)

    This is an integrate-and-fire neuron of threshold 1 and reset by subtraction under the constant
    current p, begun at half its threshold: the count of spikes is p T rounded, not rounded down.
    The generator is not used. :func:`spikesound.snn.encoding.rate.decode_rate` is the decoder; for
    g x <= 1 its error is at most 1 / (2 g T).

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : steps T and gain g

    Returns
    -------
    bool tensor of shape (T, *x.shape)

    References
    ----------
    Rueckauer et al. 2017, "Conversion of continuous-valued deep networks to efficient event-driven
    networks for image classification", section 2.1 (reset by subtraction).
    """
    share = params.gain * x.double()
    times = torch.arange(params.steps + 1, dtype=torch.float64).reshape(-1, *([1] * x.dim()))
    counts = (share * times + 0.5).floor()
    return counts[1:] > counts[:-1]  # a step holds one spike, where g x is above 1 as well
