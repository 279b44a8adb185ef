"""A feed-forward network with learnt delays over the frames of a clip."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from spikesound.models.folding import folded
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.sequence import HiddenLayer, MakeNeuron, SequenceNetwork
from spikesound.params import DelayedParams, SynapticDelayParams
from spikesound.snn.neurons.delayed_synapses import DelayedSynapses
from spikesound.snn.neurons.per_neuron import widened


class DelayedLayer(HiddenLayer):
    """Synapses with learnt delays, batch norm, neurons.

    Attributes
    ----------
    kind : a causal convolution over frames, of which each synapse has one tap
    """

    kind = "causal_convolution"
    synapses_name = "delayed"

    def __init__(
        self, params: SynapticDelayParams, inputs: int, features: int, neuron: nn.Module
    ) -> None:
        super().__init__(features)
        self.delayed = DelayedSynapses(params, inputs, features)
        self.neuron = widened(neuron, features)

    def fold(self) -> None:
        """Put the batch norm into weights and a bias, for inference."""
        if isinstance(self.norm, nn.Identity):
            return
        with torch.no_grad():
            weight, bias = folded(self.delayed.weight, self.norm)
            self.delayed.weight.copy_(weight)
            self.delayed.bias = nn.Parameter(bias)
        self.norm = nn.Identity()


def delayed(params: DelayedParams, layout: Layout, neuron: MakeNeuron) -> SequenceNetwork:
    """Return a feed-forward network with learnt delays in front of each hidden layer.

    With ReLU it is a causal convolutional network with learnt spacings, its conventional twin. The
    read-out has no delays.

    References
    ----------
    Hammouamri, Khalfaoui-Hassani & Masquelier 2023, "Learning delays in spiking neural networks
    using dilated convolutions with learnable spacings".
    """
    widths = [layout.bins, *params.hidden]
    layers = [
        DelayedLayer(params.delays, inputs, features, neuron())
        for inputs, features in pairwise(widths)
    ]
    return SequenceNetwork(layers, params.dropout, layout, neuron)
