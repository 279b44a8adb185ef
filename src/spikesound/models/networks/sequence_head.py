"""A head on the embeddings that a trunk gives of a clip's patches, one behind the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from spikesound.models.layers import Layer, Source
from spikesound.models.networks.crnn import Gated
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.vggish import Dense, Embeddings, VGGish
from spikesound.models.networks.yamnet import Everywhere, YAMNet
from spikesound.params import SequenceHeadParams

LIMIT, LEVELS = 2.0, 255
"""Values of VGGish's post-processing: clipped to -2 to 2, in 8 bits."""


class Rounding(nn.Module):
    """Values clipped and rounded to 8 bits: a function without a gradient.

    Whatever lies before it learns nothing. The published post-processing whitens the values first.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the values between -2 and 2, in steps of 4 / 255."""
        shares = (x.clamp(-LIMIT, LIMIT) + LIMIT) / (2 * LIMIT)
        return (shares * LEVELS).round() / LEVELS * (2 * LIMIT) - LIMIT


class PatchMeans(nn.Module):
    """The mean over frames and bins of each patch."""

    def __init__(self, patches: int = 1) -> None:
        super().__init__()
        self.patches = patches

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, channel, frame, bin) to (patch, batch, channel)."""
        batch, channels, frames, bins = x.shape[1:]
        places = x.reshape(batch, channels, self.patches, frames // self.patches * bins)
        return places.mean(3).permute(2, 0, 1)


class YAMNetTrunk(YAMNet):
    """YAMNet up to the means of its last layer, of each patch."""

    def __init__(self, params: Any, layout: Layout, neuron: Callable[[], nn.Module]) -> None:
        super().__init__(params, layout, neuron)
        self.width = params.channels[-1]
        self.means = PatchMeans()

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to the embedding of each patch (patch, batch, channel)."""
        self.means.patches = max(1, x.shape[2] // self.patch)
        codes: torch.Tensor = self.means(self.maps(x))
        return codes

    def code_layers(self) -> list[Layer]:
        """Return the convolutions, and the means behind the last one."""
        *convolutions, pooling, _ = self.layers()
        mean = Everywhere(1, "average")
        return [
            *convolutions,
            Layer("pooling", "pooling", self.means, pooling.source, geometry=mean),
        ]


class Head(nn.Module):
    """LSTM, GRU or a dense layer over patches; their mean plus maximum; linear.

    Parameters
    ----------
    inputs : values of an embedding
    params : cell, units, rounding behind a dense layer
    """

    def __init__(self, inputs: int, params: SequenceHeadParams, classes: int) -> None:
        super().__init__()
        dense = params.cell == "dense"
        self.cells = (
            Dense(inputs, params.units, nn.ReLU())
            if dense
            else Gated(inputs, params.units, params.cell)
        )
        self.rounding = Rounding() if params.rounding else nn.Identity()
        self.pooling = Embeddings()
        self.readout = nn.Linear(params.units, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map embeddings (1, batch, patch, value) to class scores (batch, class)."""
        found = self.pooling(self.rounding(self.cells(x[0].transpose(0, 1))))
        scores: torch.Tensor = self.readout(found.mean(0) + found.amax(0))
        return scores

    def layers(self) -> list[Layer]:
        """Return the layers of the head alone, as it is trained."""
        return self.layers_behind("input")

    def layers_behind(self, source: Source) -> list[Layer]:
        """Return the cells, the pooling over patches and the read-out."""
        if isinstance(self.cells, Dense):
            cells = [self.cells.layer("hidden", source, "relu")]
        else:
            cells = self.cells.layers_behind(source, by_frame=False)
        return [
            *cells,
            Layer("pooling_patches", "running_pooling", self.pooling, "activations"),
            Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True),
        ]


TRUNKS: dict[str, Callable[[Any, Layout, Callable[[], nn.Module]], nn.Module]] = {
    "yamnet": YAMNetTrunk,
    "vggish": VGGish,
}
"""Networks with embeddings of patches, by kind."""


class SequenceHead(nn.Module):
    """A trunk, and a head on its embeddings of a clip's patches.

    Parameters
    ----------
    params : trunk and head
    layout : bins and classes; one step
    neuron : makes the activation of each layer of the trunk
    """

    def __init__(
        self, params: SequenceHeadParams, layout: Layout, neuron: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        trunk: Any = TRUNKS[params.trunk](params.section(), layout, neuron)
        trunk.readout = nn.Identity()  # the head has one
        self.trunk = trunk
        self.head = Head(trunk.width, params, layout.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to class scores (batch, class)."""
        scores: torch.Tensor = self.head(self.codes(x))
        return scores

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to what the head takes in (1, batch, patch, value)."""
        codes: torch.Tensor = self.trunk.codes(x)
        return codes.transpose(0, 1)[None]

    def layers(self) -> list[Layer]:
        """Return the layers of trunk and head."""
        trunk = self.trunk.code_layers()
        pooled = trunk[-1].kind == "pooling"
        return [*trunk, *self.head.layers_behind("pooled" if pooled else "activations")]
