"""A long short-term memory over the frames of the spectrogram."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from spikesound.errors import SpikesoundError
from spikesound.networks.layout import Layout
from spikesound.params import LSTMParams


class LSTM(nn.Module):
    """LSTM over frames, mean plus maximum of its outputs over frames, linear.

    It is conventional only: its gates are its neurons.

    Parameters
    ----------
    params : hidden size, layers, whether bidirectional, dropout before the read-out
    layout : bins, classes; one step
    neuron : not used

    Raises
    ------
    SpikesoundError
        If more than one time step is asked for.

    References
    ----------
    Hochreiter & Schmidhuber 1997, "Long short-term memory"; ``torch.nn.LSTM`` has the equations.
    """

    def __init__(self, params: LSTMParams, layout: Layout, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()
        if layout.steps != 1:
            raise SpikesoundError(
                f"network 'lstm' has no spiking twin: 1 time step, not {layout.steps}"
            )
        bins = layout.bins
        self.norm = nn.BatchNorm1d(bins)
        self.lstm = nn.LSTM(bins, params.hidden, params.layers, bidirectional=params.bidirectional)
        self.dropout = nn.Dropout(params.dropout)
        self.readout = nn.Linear(params.hidden * (1 + params.bidirectional), layout.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to class scores (batch, class)."""
        frames = self.norm(x[0].transpose(1, 2)).permute(2, 0, 1)  # (frame, batch, bin)
        outputs, _ = self.lstm(frames)
        pooled = outputs.mean(0) + outputs.amax(0)
        scores: torch.Tensor = self.readout(self.dropout(pooled))
        return scores
