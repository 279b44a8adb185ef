"""The neurons that a network of a user's own has already."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.params import OwnNeuronParams


class Own(nn.Module):
    """Stands for the neurons of a network's own code, which stay as they are."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raise: it is no neuron itself."""
        raise SpikesoundError("neuron 'own' is for networks of code, which have their neurons")


def own(params: OwnNeuronParams) -> nn.Module:
    """Return the sign that a network keeps its own neurons."""
    return Own()
