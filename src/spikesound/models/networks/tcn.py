"""A temporal convolutional network: dilated causal convolutions behind the front."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from spikesound.models.layers import Layer, Source, output_of
from spikesound.models.networks.causal import CausalLayer, Spikes, State
from spikesound.models.networks.detector import Detector, MakeNeuron
from spikesound.models.networks.layout import Layout
from spikesound.params import TCNParams


class Convolutions(nn.Module):
    """Causal convolutions over frames, one behind the other; its output is that of each."""

    def __init__(
        self, inputs: int, hidden: int, taps: int, dilations: Sequence[int], neuron: MakeNeuron
    ) -> None:
        super().__init__()
        widths = [inputs] + [hidden] * len(dilations)
        self.layers = nn.ModuleList(
            CausalLayer(before, after, taps, dilation, neuron())
            for (before, after), dilation in zip(pairwise(widths), dilations, strict=True)
        )
        self.features = hidden * len(dilations)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, inputs) to the outputs of all layers (time, batch, feature)."""
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return torch.cat(outputs, -1)

    def rest(self, batch: int) -> State:
        """Return the state before the first frame."""
        layers: list[Any] = list(self.layers)
        return [layer.rest(batch) for layer in layers]

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames, and return the state after them."""
        outputs, after = [], []
        layers: list[Any] = list(self.layers)
        for layer, mine in zip(layers, state, strict=True):
            x, then = layer.advance(x, mine, spikes)
            outputs.append(x)
            after.append(then)
        return torch.cat(outputs, -1), after

    def layers_behind(self, source: Source) -> list[Layer]:
        """Return the layers, the first of which reads the source."""
        found = []
        for number, layer in enumerate(self.layers, start=1):
            assert isinstance(layer, CausalLayer)
            found.append(layer.layer(f"dilated_{number}", source))
            source = output_of(layer.neuron)
        return found


def tcn(params: TCNParams, layout: Layout, neuron: MakeNeuron) -> Detector:
    """Return a temporal convolutional network: dilated causal layers behind the front."""

    def memory(inputs: int) -> nn.Module:
        return Convolutions(inputs, params.hidden, params.taps, params.dilations, neuron)

    return Detector(params, layout, neuron, memory)
