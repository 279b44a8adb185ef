"""A spiking network with a recurrent layer of adaptive neurons behind the front."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikesound.models.folding import Normed
from spikesound.models.layers import Layer, Source
from spikesound.models.networks.causal import Spikes, State, advance
from spikesound.models.networks.detector import Detector, MakeNeuron
from spikesound.models.networks.layout import Layout
from spikesound.params import LSNNParams
from spikesound.snn.neurons import RECURRENT


class Adaptive(Normed):
    """Recurrent spiking neurons with adaptive thresholds: a layer of an LSNN.

    References
    ----------
    Bellec et al. 2018, "Long short-term memory and learning-to-learn in networks of spiking
    neurons".
    """

    synapses_name = "currents"

    def __init__(self, inputs: int, hidden: int, neuron_params: Any) -> None:
        super().__init__()
        self.currents = nn.Linear(inputs, hidden, bias=False)
        self.norm: nn.Module = nn.BatchNorm1d(hidden)
        self.neuron = RECURRENT["alif"](neuron_params, hidden)
        self.features = hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, inputs) to spikes (time, batch, hidden)."""
        out: torch.Tensor = self.neuron(self._normed(x))
        return out

    def rest(self, batch: int) -> State:
        """Return the state before the first frame."""
        return self.neuron.initial_state(self.currents.weight.new_zeros(batch, self.features))

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames, and return the state after them."""
        return advance(self.neuron, self._normed(x), state, spikes)

    def _normed(self, x: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.norm(self.currents(x).flatten(0, 1))
        return normed.view(*x.shape[:2], -1)

    def layers_behind(self, source: Source) -> list[Layer]:
        """Return itself as a layer that reads the source."""
        return [
            Layer(
                "recurrent_1",
                "recurrent",
                self,
                source,
                self.currents,
                self.norm,
                self.neuron,
                units="alif",
                by_frame=True,
            )
        ]


def lsnn(params: LSNNParams, layout: Layout, neuron: MakeNeuron) -> Detector:
    """Return a spiking network with a recurrent layer of adaptive LIF neurons behind the front."""

    def memory(inputs: int) -> nn.Module:
        return Adaptive(inputs, params.hidden, params.adaptive)

    return Detector(params, layout, neuron, memory)
