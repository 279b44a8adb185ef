"""The neuron of sigma-delta networks: a rounded ReLU, whose changes are sent."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.params import SigmaDeltaNeuronParams
from spikesound.snn.quantisation.qcfs import QCFS


def sigma_delta(params: SigmaDeltaNeuronParams) -> nn.Module:
    """Return the rounded ReLU of a sigma-delta layer; its network sums up and takes differences."""
    return QCFS(params.levels)


def changes(x: torch.Tensor, lag: int) -> torch.Tensor:
    """Return the changes of activations (..., frame, bin) over a number of frames.

    .. math:: \\Delta_f = x_f - x_{f - g}, \\qquad f = 0, \\dots, F + g - 1

    with zeros before the first frame and after the last: the sum of the changes of every g-th frame
    is the activation, and at the end all return to zero.

    Parameters
    ----------
    lag : g, 1 or more

    Returns
    -------
    (..., frame + lag, bin)
    """
    padded = nn.functional.pad(x, (0, 0, lag, lag))
    return padded[..., lag:, :] - padded[..., :-lag, :]


def summed(events: torch.Tensor, lag: int) -> torch.Tensor:
    """Return the activations whose changes are given, without those after the last frame."""
    frames = events.shape[-2]
    whole = -(-frames // lag) * lag
    padded = nn.functional.pad(events, (0, 0, 0, whole - frames))
    by_lag = padded.view(*events.shape[:-2], -1, lag, events.shape[-1])
    sums: torch.Tensor = by_lag.cumsum(-3).flatten(-3, -2)[..., : frames - lag, :]
    return sums
