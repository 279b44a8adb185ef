"""Scores of a classifier together with the activity of its last hidden layer."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import inputs_of, layers_of


def with_hidden(network: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return class scores (clip, class), and what the read-out reads (clip, synapse).

    That is the input of the read-out's linear map: firing rates, or activations of a conventional
    network, pooled over frames; of a read-out that is run at each time step the mean over steps.
    None of a network whose read-out is no linear map.

    Parameters
    ----------
    x : input of the network (step, clip, frame, bin)
    """
    synapses = _readout(network)
    if synapses is None:
        return network(x), None
    with inputs_of(synapses) as seen:
        scores = network(x)
    hidden = torch.stack([each if each.ndim == 2 else each.mean(0) for each in seen]).mean(0)
    return scores, hidden.detach()


def _readout(network: nn.Module) -> nn.Linear | None:
    try:
        last = layers_of(network)[-1]
    except SpikesoundError:
        return None
    return last.synapses if isinstance(last.synapses, nn.Linear) else None
