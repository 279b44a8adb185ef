"""VGGish: convolutions and linear layers on patches of log-mel values, an embedding of each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.features.yamnet_mel import OFFSET
from spikesound.models.grid import Grid
from spikesound.models.layers import Layer, Source, output_of
from spikesound.models.networks.layout import Layout
from spikesound.params import VGGishParams

OWN_OFFSET = 0.01
"""Added to a band's magnitude before its logarithm is taken; YAMNet's front end adds less."""


class Convolution(nn.Module):
    """A convolution with a bias, the largest of 2 x 2 places behind the last one, its neurons."""

    def __init__(self, inputs: int, outputs: int, *, last: bool, neuron: nn.Module) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.grid = Grid(3, "max") if last else Grid(3, "none")
        self.norm = nn.Identity()
        self.pooled = None  # nothing is merged into the convolution
        self.neuron = neuron

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (patch, batch, channel, frame, bin)."""
        maps = self.convolution(x.flatten(0, 1))
        if self.grid.pool == "max":
            maps = functional.max_pool2d(maps, 2)
        out: torch.Tensor = self.neuron(maps.unflatten(0, x.shape[:2]))
        return out


class Dense(nn.Module):
    """A linear layer and its neurons."""

    def __init__(self, inputs: int, outputs: int, neuron: nn.Module) -> None:
        super().__init__()
        self.linear, self.neuron = nn.Linear(inputs, outputs), neuron

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (patch, batch, input) to (patch, batch, output)."""
        out: torch.Tensor = self.neuron(self.linear(x))
        return out

    def layer(self, name: str, source: Source, units: str | None = None) -> Layer:
        """Return it as a layer."""
        return Layer(name, "linear", self, source, self.linear, neuron=self.neuron, units=units)


class Embeddings(nn.Module):
    """The embeddings of a clip's patches, whose mean and maximum are read."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (patch, batch, value)."""
        return x


class VGGish(nn.Module):
    r"""Blocks of convolutions with maximum pooling, then linear layers; a linear read-out.

    Its input in [0, 1] stands for YAMNet's values :math:`v = \ln (m + 0.001)` of the magnitude m in
    a band; VGGish was trained with :math:`\ln (m + 0.01) = \ln (e^v + 0.009)`. A clip is cut into
    patches, one behind the other; a shorter one is lengthened with silence, what is left of a
    longer one is not used. The mean plus the maximum of the patches' embeddings goes to the
    read-out.

    Parameters
    ----------
    params : channels of each block's convolutions, linear layers, frames of a patch, exit
    layout : bins and classes; one step
    neuron : makes the activation of each layer

    Raises
    ------
    SpikesoundError
        If several time steps are requested, or patch and bins are no multiples of what is pooled.

    References
    ----------
    Hershey et al. 2017, "CNN architectures for large-scale audio classification"; the release of
    VGGish in TensorFlow Model Garden.
    """

    def __init__(
        self, params: VGGishParams, layout: Layout, neuron: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        layout.conventional_only("vggish")
        blocks = params.blocks[: params.exit]
        places = params.patch, layout.bins
        if any(size % 2 ** len(blocks) for size in places):
            raise SpikesoundError(
                f"networks.vggish: expected multiples of {2 ** len(blocks)} frames of a patch and "
                f"bins, got {params.patch} and {layout.bins}"
            )
        self.low, self.span, self.patch = params.low, params.span, params.patch
        made, inputs = [], 1
        for block in blocks:
            for number, outputs in enumerate(block, start=1):
                last = number == len(block)
                made.append(Convolution(inputs, outputs, last=last, neuron=neuron()))
                inputs = outputs
        self.convolutions = nn.ModuleList(made)
        size = inputs
        for axis in places:
            size *= axis // 2 ** len(blocks)
        linear = [] if params.exit is not None else params.embedding
        widths = [size, *linear]
        self.embedding = nn.ModuleList(Dense(a, b, neuron()) for a, b in pairwise(widths))
        self.width = widths[-1]
        self.pooling = Embeddings()
        self.readout: nn.Module = nn.Linear(self.width, layout.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to class scores (batch, class)."""
        found = self.pooling(self.codes(x))
        scores: torch.Tensor = self.readout(found.mean(0) + found.amax(0))
        return scores

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        """Map (1, batch, frame, bin) to the embedding of each patch (patch, batch, value).

        With an exit these are the outputs of its last block, by frame, bin and channel.
        """
        patches = max(1, x.shape[2] // self.patch)
        x = functional.pad(x[0], (0, 0, 0, max(0, self.patch - x.shape[2])))
        values = (x * self.span + self.low).exp() + (OWN_OFFSET - OFFSET)
        used = values.log()[:, : patches * self.patch]
        maps = used.reshape(len(used), patches, 1, self.patch, -1).transpose(0, 1)
        for convolution in self.convolutions:
            maps = convolution(maps)
        codes: torch.Tensor = maps.permute(0, 1, 3, 4, 2).flatten(2)
        for linear in self.embedding:
            codes = linear(codes)
        return codes

    def code_layers(self) -> list[Layer]:
        """Return the layers of the embedding."""
        found: list[Layer] = []
        source: Source = "input"
        for number, each in enumerate(self.convolutions, start=1):
            assert isinstance(each, Convolution)
            found.append(
                Layer(
                    f"convolution_{number}", "convolution", each, source, each.convolution,
                    each.norm, each.neuron, geometry=each.grid,
                )
            )  # fmt: skip
            source = output_of(each.neuron)
        for number, each in enumerate(self.embedding, start=1):
            assert isinstance(each, Dense)
            found.append(each.layer(f"embedding_{number}", source))
        return found

    def layers(self) -> list[Layer]:
        """Return the layers of the embedding, the pooling over patches, and the read-out."""
        return [
            *self.code_layers(),
            Layer("pooling_patches", "running_pooling", self.pooling, "activations"),
            Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True),
        ]
