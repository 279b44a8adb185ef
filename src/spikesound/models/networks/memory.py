"""What gives a network over frames its memory: dilated convolutions, gated cells, adaptive neurons.

Each maps the features of a front (time, batch, inputs) to ``features`` outputs, whole clips by a
call, streams by ``rest`` and ``advance``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from spikesound.models.folding import Normed
from spikesound.models.layers import Gates, Layer, Source, output_of
from spikesound.models.networks.causal import CausalLayer, Spikes, State, advance
from spikesound.models.networks.recurrent import CELLS, GATES
from spikesound.snn.neurons import RECURRENT

MakeNeuron = Callable[[], nn.Module]


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


class Gated(nn.Module):
    """LSTM or GRU over frames."""

    def __init__(self, inputs: int, hidden: int, cell: str) -> None:
        super().__init__()
        self.cell = cell
        self.cells = CELLS[cell](inputs, hidden)
        self.features = hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, inputs) to (time, batch, hidden)."""
        out: torch.Tensor = self.cells(x)[0]
        return out

    def rest(self, batch: int) -> State:
        """Return the state before the first frame."""
        zeros = self.cells.weight_hh_l0.new_zeros(1, batch, self.cells.hidden_size)  # type: ignore[operator]
        return (zeros, zeros) if isinstance(self.cells, nn.LSTM) else zeros

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames, and return the state after them."""
        found: tuple[torch.Tensor, State] = self.cells(x, state)
        return found

    def layers_behind(self, source: Source) -> list[Layer]:
        """Return the cells as a layer that reads the source."""
        return [
            Layer(
                "recurrent_1",
                "gated",
                self,
                source,
                self.cells,
                neuron=self.cells,
                units=self.cell,
                geometry=Gates(GATES[self.cell], clip_axis=False),
                by_frame=True,
            )
        ]


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
