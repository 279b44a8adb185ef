"""What networks share whose time steps are the frames of a clip: input, hidden layers, read-out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from spikesound.models.folding import Normed
from spikesound.models.layers import Kind, Layer, Source, output_of
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.output import Output

MakeNeuron = Callable[[], nn.Module]


class HiddenLayer(Normed):
    """Synapses, batch norm and neurons on (time, batch, feature).

    Attributes
    ----------
    kind : of layer, for counting
    neuron : with ``features`` neurons
    """

    kind: Kind = "linear"
    neuron: nn.Module

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.norm: nn.Module = nn.BatchNorm1d(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, inputs) to outputs (time, batch, features)."""
        out: torch.Tensor = self.neuron(self.currents(x))
        return out

    def currents(self, x: torch.Tensor) -> torch.Tensor:
        """Return what goes to the neurons, normed."""
        sums: torch.Tensor = self.synapses(x)
        normed: torch.Tensor = self.norm(sums.flatten(0, 1))
        return normed.view(sums.shape)


class SequenceNetwork(nn.Module):
    """Hidden layers over the frames of a clip, and a linear read-out of every frame.

    A frame lasts as many time steps as the encoding has: time goes from step to step within a
    frame, and from frame to frame. With the read-out ``rate``, the scores are a linear map of the
    outputs' means over time; any other reads output neurons, one a class
    (:class:`~spikesound.models.networks.output.Output`).

    Parameters
    ----------
    layers : from front to back
    dropout : probability behind each of them
    layout : bins, classes, steps, weights of the steps, read-out
    neuron : makes the neuron of a read-out that reads spikes
    """

    step_weights: torch.Tensor | None

    def __init__(
        self, layers: Sequence[HiddenLayer], dropout: float, layout: Layout, neuron: MakeNeuron
    ) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(layers[-1].features, layout.classes)
        self.layout = layout
        weights = layout.step_weights
        self.register_buffer(
            "step_weights", None if weights is None else torch.tensor(weights), persistent=False
        )
        self.output = Output(layout.readout, neuron) if layout.readout != "rate" else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (step, batch, frame, bin) to class scores (batch, class)."""
        x = self.sequence(x)
        for layer in self.hidden:
            x = self.dropout(layer(x))
        read: torch.Tensor = self.readout(x)
        return read.mean(0) if self.output is None else self.output(read)

    def sequence(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input as (time, batch, bin), the steps of a frame one after another.

        An input of one step is repeated within each frame (direct coding).
        """
        if self.step_weights is not None:
            x = x * self.step_weights.view(-1, 1, 1, 1)
        if len(x) == 1:
            x = x.expand(self.layout.steps, *x.shape[1:])
        return x.permute(2, 0, 1, 3).flatten(0, 1)

    def layers(self) -> list[Layer]:
        """Return the hidden layers and the read-out."""
        found: list[Layer] = []
        source: Source = "input"
        for number, layer in enumerate(self.hidden, start=1):
            assert isinstance(layer, HiddenLayer)
            found.append(
                Layer(
                    f"{layer.kind}_{number}",
                    layer.kind,
                    layer,
                    source,
                    layer.synapses,
                    layer.norm,
                    layer.neuron,
                    reads=(found[-1].name,) if found else (),
                )
            )
            source = output_of(layer.neuron)
        output: Any = self.output
        return [
            *found,
            Layer(
                "readout",
                "linear",
                self.readout,
                source,
                self.readout,
                neuron=None if output is None else (output.neuron or output),
                units="li" if output is not None and output.neuron is None else None,
                reads=(found[-1].name,),
                readout=True,
            ),
        ]
