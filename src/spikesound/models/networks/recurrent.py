"""Conventional recurrent networks over the frames of the spectrogram: LSTM, GRU, plain RNN."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from spikesound.models.layers import Gates, Layer
from spikesound.models.networks.layout import Layout
from spikesound.params import RecurrentParams

CELLS: dict[str, Callable[..., nn.RNNBase]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": partial(nn.RNN, nonlinearity="tanh"),
}
"""The layers, of which torch's documentation has the equations."""

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
"""Linear maps of each cell."""


class Recurrent(nn.Module):
    """A recurrent layer over frames, mean plus maximum of its outputs over frames, linear.

    It is conventional only: its gates are its neurons. In one direction it can run frame by
    frame: its state and the running mean and maximum are all that it keeps of its input.

    Parameters
    ----------
    cell : one of :data:`CELLS`
    params : hidden size, layers, whether bidirectional, dropout before the read-out
    layout : bins, classes; one step
    neuron : not used

    Raises
    ------
    SpikesoundError
        If more than one time step is requested.

    References
    ----------
    Hochreiter & Schmidhuber 1997, "Long short-term memory"; Cho et al. 2014, "Learning phrase
    representations using RNN encoder-decoder for statistical machine translation" (GRU); Elman
    1990, "Finding structure in time".
    """

    def __init__(
        self,
        params: RecurrentParams,
        layout: Layout,
        neuron: Callable[[], nn.Module],
        *,
        cell: str,
    ) -> None:
        super().__init__()
        layout.conventional_only(cell)
        bins = layout.bins
        self.cell = cell
        self.norm = nn.BatchNorm1d(bins)
        self.cells = CELLS[cell](
            bins, params.hidden, params.layers, bidirectional=params.bidirectional
        )
        self.dropout = nn.Dropout(params.dropout)
        self.readout = nn.Linear(params.hidden * (1 + params.bidirectional), layout.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to class scores (batch, class)."""
        outputs, _ = self.hidden(x)
        return self.scores(outputs.mean(0) + outputs.amax(0))

    def hidden(self, x: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """Map (1, batch, frame, bin) to outputs (frame, batch, hidden) and the state after them.

        Parameters
        ----------
        state : after the frames before; None: rest
        """
        frames = self.norm(x[0].transpose(1, 2)).permute(2, 0, 1)  # (frame, batch, bin)
        found: tuple[torch.Tensor, Any] = self.cells(frames, state)
        return found

    def scores(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return class scores of mean plus maximum of the outputs, (..., hidden)."""
        scores: torch.Tensor = self.readout(self.dropout(pooled))
        return scores

    def layers(self) -> list[Layer]:
        """Return the cells, the pooling over frames, and the read-out.

        The batch norm of the input stands before the cells and goes into their weights.
        """
        gates = Gates(GATES[self.cell], clip_axis=True)
        return [
            Layer(
                "recurrent",
                "gated",
                self,
                "input",
                self.cells,
                neuron=self.cells,
                units=self.cell,
                geometry=gates,
            ),
            Layer("pooling_frames", "running_pooling", self.cells, "activations"),
            Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True),
        ]
