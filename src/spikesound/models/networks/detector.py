"""Networks that run frame by frame: a probability for each class at each frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import Layer, Source, output_of
from spikesound.models.networks.causal import CausalBlock, Integrator, Spikes, State
from spikesound.models.networks.layout import Layout
from spikesound.params import CausalParams
from spikesound.snn.neurons.spiking import substeps

MakeNeuron = Callable[[], nn.Module]


@dataclass(frozen=True)
class Frames:
    """Output of a network for frames, each (time, batch, class).

    Attributes
    ----------
    logits : of the classes
    attention : logits of how much each frame counts for the clip; None: without such a head
    """

    logits: torch.Tensor
    attention: torch.Tensor | None

    def cpu(self) -> Frames:
        """Return the same on the CPU, in float32."""
        attention = None if self.attention is None else self.attention.float().cpu()
        return Frames(self.logits.float().cpu(), attention)


class Detector(nn.Module):
    """A causal convolutional front, a layer or layers with memory, and what reads them.

    The front's blocks go over frames and bins (:class:`CausalBlock`); what is left of the bins is
    laid beside the channels. Behind the memory each class has a leaky integrator, that does not
    spike (:class:`Integrator`); its sigmoid is the probability.

    Parameters
    ----------
    params : channels, pooling and kernel of the front, dropout before the read-out
    layout : bins and classes; with or without a head for attention over frames
    neuron : makes the neuron of each block
    memory : makes what lies between front and read-out, given the number of features of the front;
        a module with ``features``, the number of its outputs
    """

    def __init__(
        self,
        params: CausalParams,
        layout: Layout,
        neuron: MakeNeuron,
        memory: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        bins, classes = layout.bins, layout.classes
        blocks = []
        for (inputs, outputs), pool in zip(
            pairwise([1, *params.channels]), params.pools, strict=True
        ):
            blocks.append(CausalBlock(inputs, outputs, bins, params.kernel, pool, neuron()))
            bins = blocks[-1].outputs[1]
        if bins < 1:
            raise SpikesoundError(f"pools {params.pools} leave no bin")
        self.front = nn.ModuleList(blocks)
        self.memory = memory(params.channels[-1] * bins)
        self.dropout = nn.Dropout(params.dropout)
        features: Any = self.memory.features
        self.readout = nn.Linear(features, classes)
        self.integrator = Integrator(classes)
        self.attention = nn.Linear(features, classes) if layout.attention else None

    def forward(self, x: torch.Tensor) -> Frames:
        """Map whole clips (time, batch, bin), from rest."""
        x = x.unsqueeze(2)
        for block in self.front:
            x = block(x)
        hidden = self.dropout(self.memory(x.flatten(2)))
        attention = None if self.attention is None else self.attention(hidden)
        return Frames(self.integrator(self.readout(hidden)), attention)

    def rest(self, batch: int = 1) -> State:
        """Return the state before the first frame."""
        blocks: list[Any] = list(self.front)
        memory: Any = self.memory
        return (
            [block.rest(batch) for block in blocks],
            memory.rest(batch),
            self.integrator.rest(batch),
        )

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames (time, batch, bin) to logits (time, batch, class), and the state.

        Parameters
        ----------
        spikes : gets those of each spiking layer, from front to back
        """
        front, kept, last = state
        after = []
        blocks: list[Any] = list(self.front)
        memory: Any = self.memory
        x = x.unsqueeze(2)
        for block, mine in zip(blocks, front, strict=True):
            x, then = block.advance(x, mine, spikes)
            after.append(then)
        hidden, kept = memory.advance(x.flatten(2), kept, spikes)
        logits, last = self.integrator.advance(self.readout(hidden), last)
        return logits, (after, kept, last)

    def layers(self) -> list[Layer]:
        """Return the blocks, the layers with memory, and the read-out with its integrators.

        The head for attention takes no part in what a stream is given, and is not among them.
        """
        memory: Any = self.memory
        found: list[Layer] = []
        source: Source = "input"
        for number, block in enumerate(self.front, start=1):
            assert isinstance(block, CausalBlock)
            found.append(block.layer(f"convolution_{number}", source))
            source = output_of(block.neuron)
        inner: list[Layer] = memory.layers_behind(source)
        neuron = inner[-1].neuron
        readout = Layer(
            "readout",
            "linear",
            self.readout,
            "activations" if neuron is None else output_of(neuron),
            self.readout,
            neuron=self.integrator,
            units="li",
            readout=True,
            reads=tuple(layer.name for layer in inner),
            by_frame=True,
        )
        layers = [*found, *inner, readout]
        several = max(substeps(layer.neuron) for layer in layers)
        return [
            replace(layer, substeps=several) if layer.source == "spike_numbers" else layer
            for layer in layers
        ]
