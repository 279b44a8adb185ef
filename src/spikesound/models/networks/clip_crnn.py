"""A convolutional recurrent network for whole clips: an LSTM or GRU behind blocks with pooling."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from spikesound.models.layers import Layer
from spikesound.models.networks.cnn import blocks_of, layers_of_blocks
from spikesound.models.networks.crnn import Gated
from spikesound.models.networks.layout import Layout
from spikesound.params import ClipCRNNParams


class ClipCRNN(nn.Module):
    """Blocks of convolution and pooling, one LSTM or GRU layer over frames, linear.

    The bins that the blocks leave are laid beside their channels; mean plus maximum of the cells'
    outputs over frames goes to the read-out. It is conventional only: gates are its neurons.

    Parameters
    ----------
    params : channels, kernel and pooling of the blocks, hidden units, dropout before the read-out
    layout : bins, classes; one step
    neuron : makes the activation of each block
    cell : ``lstm`` or ``gru``

    Raises
    ------
    SpikesoundError
        If more than one time step is requested.

    References
    ----------
    Choi, Fazekas, Sandler & Cho 2017, "Convolutional recurrent neural networks for music
    classification".
    """

    def __init__(
        self,
        params: ClipCRNNParams,
        layout: Layout,
        neuron: Callable[[], nn.Module],
        *,
        cell: str,
    ) -> None:
        super().__init__()
        layout.conventional_only(f"clip_crnn_{cell}")
        blocks, bins = blocks_of(params, neuron), layout.bins
        for block in blocks:
            bins = block.grid.on(2, bins).size[1]
        self.blocks = nn.ModuleList(blocks)
        self.memory = Gated(params.channels[-1] * bins, params.hidden, cell)
        self.dropout = nn.Dropout(params.dropout)
        self.readout = nn.Linear(params.hidden, layout.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to class scores (batch, class)."""
        x = x.unsqueeze(2)
        for block in self.blocks:
            x = block(x, 1)
        frames = x[0].permute(2, 0, 1, 3).flatten(2)  # (frame, batch, channel and bin)
        outputs = self.memory(frames)
        scores: torch.Tensor = self.readout(self.dropout(outputs.mean(0) + outputs.amax(0)))
        return scores

    def layers(self) -> list[Layer]:
        """Return the blocks, the cells, the pooling over frames, and the read-out."""
        found, source = layers_of_blocks(self.blocks)
        [cells] = self.memory.layers_behind(source, by_frame=False)
        return [
            *found,
            cells,
            Layer("pooling_frames", "running_pooling", self.memory, "activations"),
            Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True),
        ]
