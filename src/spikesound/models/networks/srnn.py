"""A recurrent spiking network over the frames of a clip (SRNN)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from spikesound.models.networks.layout import Layout
from spikesound.models.networks.sequence import HiddenLayer, MakeNeuron, SequenceNetwork
from spikesound.params import SRNNParams
from spikesound.snn.neurons import SpikingNeuron
from spikesound.snn.neurons.per_neuron import made_recurrent, widened


class LinearLayer(HiddenLayer):
    """A linear layer, batch norm and neurons, each with constants of its own if it has such."""

    synapses_name = "linear"

    def __init__(self, inputs: int, features: int, neuron: nn.Module) -> None:
        super().__init__(features)
        self.linear = nn.Linear(inputs, features, bias=False)
        self.neuron = widened(neuron, features)


class RecurrentLayer(LinearLayer):
    """The same with synapses from all neurons of the layer to each, one step later.

    .. math:: I_t = \\mathrm{BN}(W x_t) + V S_{t-1}
    """

    kind = "recurrent"

    def __init__(self, inputs: int, features: int, neuron: nn.Module) -> None:
        super().__init__(inputs, features, neuron)
        if isinstance(self.neuron, SpikingNeuron):
            self.neuron = made_recurrent(self.neuron, features)
        else:
            self.neuron = RecurrentActivation(self.neuron, features)


class RecurrentActivation(nn.Module):
    """An activation of the input and of the layer's own outputs of the step before: a plain RNN."""

    def __init__(self, activation: nn.Module, features: int) -> None:
        super().__init__()
        self.activation = activation
        self.recurrent = nn.Linear(features, features, bias=False)
        nn.init.orthogonal_(self.recurrent.weight)

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, feature) to outputs of the same shape."""
        outputs, last = [], torch.zeros_like(currents[0])
        for current in currents.unbind(0):
            last = self.activation(current + self.recurrent(last))
            outputs.append(last)
        return torch.stack(outputs)


def srnn(params: SRNNParams, layout: Layout, neuron: MakeNeuron) -> SequenceNetwork:
    """Return a recurrent spiking network, or a feed-forward one without the recurrent synapses.

    References
    ----------
    Bittar & Garner 2022, "A surrogate gradient spiking baseline for speech command recognition",
    whose layers these are: batch norm of the feed-forward currents alone.
    """
    kind = RecurrentLayer if params.recurrent else LinearLayer
    widths = [layout.bins, *params.hidden]
    layers = [kind(inputs, features, neuron()) for inputs, features in pairwise(widths)]
    return SequenceNetwork(layers, params.dropout, layout, neuron)
