"""A code whose spikes are shuffled in time: what is left of it is their number."""

from __future__ import annotations

import torch

from spikesound.params import ShuffledParams
from spikesound.snn.shuffling import shuffled_in_time


def shuffled(x: torch.Tensor, params: ShuffledParams, generator: torch.Generator) -> torch.Tensor:
    """Return the spikes of another code, those of each input neuron at random time steps.

    A network that is trained on them has the spike counts of the code and not their times: what
    one that is trained on the code itself does better, it does by the times.

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : the code and its parameters

    Returns
    -------
    bool tensor of shape (T, *x.shape), with as many spikes of each neuron as in the code
    """
    spikes: torch.Tensor = _code(params).encode(x, params.code_params(), generator)
    return shuffled_in_time(spikes, generator)


def shuffled_values(params: ShuffledParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step: the mean of the code's."""
    values: torch.Tensor = _code(params).step_values(params.code_params())
    return values.mean().expand(len(values)).clone()


def decode_shuffled(spikes: torch.Tensor, params: ShuffledParams) -> torch.Tensor:
    """Return the code's estimate, as if the times were its own: its error has no bound."""
    estimate: torch.Tensor = _code(params).decode(spikes, params.code_params())
    return estimate


def _code(params: ShuffledParams):  # type: ignore[no-untyped-def]
    from spikesound.snn.encoding import ENCODINGS  # which has this module's functions

    return ENCODINGS[params.code]
