"""A convolutional recurrent network: an LSTM or GRU layer behind the front."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.models.layers import Gates, Layer, Source
from spikesound.models.networks.causal import Spikes, State
from spikesound.models.networks.detector import Detector, MakeNeuron
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.recurrent import CELLS, GATES
from spikesound.params import CRNNParams


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

    def layers_behind(self, source: Source, *, by_frame: bool = True) -> list[Layer]:
        """Return the cells as a layer that reads the source; of a stream, or of whole clips."""
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
                by_frame=by_frame,
            )
        ]


def crnn(params: CRNNParams, layout: Layout, neuron: MakeNeuron, *, cell: str) -> Detector:
    """Return a convolutional recurrent network: one LSTM or GRU layer behind the front."""
    return Detector(params, layout, neuron, lambda inputs: Gated(inputs, params.hidden, cell))
