"""Direct coding: the values themselves are the input current, the first layer makes the spikes."""

from __future__ import annotations

import torch

from spikesound.params import DirectParams


def direct(x: torch.Tensor, params: DirectParams, generator: torch.Generator) -> torch.Tensor:
    """Return the values with a leading axis of length one.

    .. math:: I_t = x \\quad \\text{for } t = 0 \\dots T-1

    The current is the same at each of the ``params.steps`` steps, so that it is stored once and
    the first layer's product is computed once. No spikes are made: that layer multiplies, and its
    operations count as multiply-accumulates.

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]

    Returns
    -------
    float tensor of shape (1, *x.shape)

    References
    ----------
    Rueckauer et al. 2017, "Conversion of continuous-valued deep networks to efficient event-driven
    networks for image classification", section 2.2 (analog input).
    """
    return x.unsqueeze(0)


def direct_values(params: DirectParams) -> torch.Tensor:
    """Return the decoding weight of the one step of values, 1 [shape=(1,)]."""
    return torch.ones(1)


def decode_direct(values: torch.Tensor, params: DirectParams) -> torch.Tensor:
    """Undo :func:`direct`, without error.

    Parameters
    ----------
    values : float tensor of shape (1, ...)
    """
    return values[0]
