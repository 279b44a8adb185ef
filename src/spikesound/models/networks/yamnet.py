"""YAMNet: depthwise-separable convolutions over log-mel values, and its spiking twin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.grid import Grid
from spikesound.models.layers import Layer, Source, output_of
from spikesound.models.networks.layout import Layout
from spikesound.params import YAMNetParams


@dataclass(frozen=True)
class Strided(Grid):
    """A convolution of a stride, of all channels or of groups of them, without pooling.

    At stride 1 it is padded by half the kernel. At stride 2 there is padding behind the last place
    alone, as TensorFlow pads an even number of places to the same number ("SAME"); of n places it
    leaves n // 2.

    Attributes
    ----------
    step : the stride along both axes
    groups : of the channels; as many as channels: depthwise
    rows : frames of a patch in its input: patches lie one behind the other, each with borders of
        its own
    """

    step: int = 1
    groups: int = 1
    rows: int = 1

    def patches(self, frames: int) -> int:
        """Return the number of patches in so many frames; fewer than a patch's are one."""
        return max(1, frames // self.rows)

    def stride(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the stride along rows and columns."""
        return self.step, self.step

    @property
    def before(self) -> int:
        """Places of padding before the first one."""
        return self.kernel // 2 if self.step == 1 else 0

    @property
    def behind(self) -> int:
        """Places of padding behind the last one."""
        return self.kernel // 2


@dataclass(frozen=True)
class Everywhere(Grid):
    """The mean over all frames and bins, and over time steps."""


class Block(nn.Module):
    """A convolution with a bias, and its neurons. Norms are folded into weights and biases."""

    def __init__(self, inputs: int, outputs: int, grid: Strided, neuron: nn.Module) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, grid.kernel, grid.step, groups=grid.groups)
        self.grid = grid
        self.norm = nn.Identity()
        self.pooled = None  # nothing is merged into the convolution
        self.neuron = neuron

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Map (time, batch, channel, frame, bin) to the same at its stride, patch by patch.

        Where the input has one time step and ``steps`` are requested, the current is computed
        once and given to the neuron at each of them (direct coding).
        """
        time, batch = x.shape[:2]
        flat = apart(x.flatten(0, 1), self.grid.patches(x.shape[3]))
        pad = self.grid.before, self.grid.behind
        if pad[0] == pad[1]:
            conv = self.convolution
            flat = functional.conv2d(
                flat, conv.weight, conv.bias, conv.stride, pad[0], groups=conv.groups
            )
        else:
            flat = self.convolution(functional.pad(flat, pad * 2))
        currents = together(flat, time * batch)
        currents = currents.reshape(time, batch, *currents.shape[1:])
        if time == 1 and steps > 1:
            currents = currents.expand(steps, *currents.shape[1:])
        out: torch.Tensor = self.neuron(currents)
        return out


class YAMNet(nn.Module):
    """A convolution, depthwise-separable convolutions, the mean over all places, a linear layer.

    Its input in [0, 1] is scaled back to log-mel values first. A clip is cut into patches, one
    behind the other; what is left of it is not used. The mean is over all of them, so that the
    scores, before a softmax or sigmoid, are means of the patches'. With ReLU it is the conventional
    network, at one time step; with :class:`spikesound.snn.neurons.counting_if.CountingIF` it is
    spiking: the mean over all places goes over the time steps as well.

    Parameters
    ----------
    params : channels and strides; frames of a patch; outputs of each class
    layout : bins, classes, steps
    neuron : makes the neuron of each layer, a module on (time, batch, channel, frame, bin)

    Raises
    ------
    SpikesoundError
        If the read-out is not ``rate``, steps have weights, ``outputs`` are not of all classes, or
        a patch is not a multiple of what the strides divide by.

    References
    ----------
    Howard et al. 2017, "MobileNets: efficient convolutional neural networks for mobile vision
    applications", table 1; the release of YAMNet in TensorFlow Model Garden.
    """

    def __init__(
        self, params: YAMNetParams, layout: Layout, neuron: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        if layout.readout != "rate" or layout.step_weights is not None:
            raise SpikesoundError(
                "network yamnet: expected readout 'rate' and an encoding without weights of steps"
            )
        if params.outputs and len(params.outputs) != layout.classes:
            raise SpikesoundError(
                f"networks.yamnet.outputs: expected none, or one for each of {layout.classes} "
                f"classes, got {len(params.outputs)}"
            )
        least = math.prod(params.strides)
        if params.patch % least:
            raise SpikesoundError(
                f"networks.yamnet.patch: expected a multiple of {least}, as the strides divide by, "
                f"got {params.patch}"
            )
        self.low, self.span, self.steps = params.low, params.span, layout.steps
        self.outputs = list(params.outputs)
        self.least_frames = least
        self.patch = params.patch
        first, *others = params.strides
        grid, rows = Strided(3, "stride", first, 1, params.patch), params.patch // first
        blocks = [Block(1, params.channels[0], grid, neuron())]
        for (inputs, outputs), step in zip(pairwise(params.channels), others, strict=True):
            depthwise = Strided(3, "stride", step, inputs, rows)
            rows //= step
            blocks.append(Block(inputs, inputs, depthwise, neuron()))
            blocks.append(Block(inputs, outputs, Strided(1, "stride", 1, 1, rows), neuron()))
        self.blocks = nn.ModuleList(blocks)
        self.pooling = Mean()
        self.readout = nn.Linear(params.channels[-1], sum(self.outputs) or layout.classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to class scores (batch, class)."""
        return self.scored(self.embedding(x))

    def embedding(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to the means of the last layer (batch, channel)."""
        means: torch.Tensor = self.pooling(self.maps(x))
        return means

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to the last layer (time, batch, channel, frame, bin).

        Raises
        ------
        SpikesoundError
            If there are fewer frames than the strides leave one place of.
        """
        if x.shape[2] < self.least_frames:
            raise SpikesoundError(
                f"network yamnet: expected at least {self.least_frames} frames, got {x.shape[2]}"
            )
        used = x.shape[2] // self.patch * self.patch or x.shape[2]
        x = (x[:, :, :used] * self.span + self.low).unsqueeze(2)
        for block in self.blocks:
            x = block(x, self.steps)
        return x

    def scored(self, embedding: torch.Tensor) -> torch.Tensor:
        """Map means (batch, channel) to class scores (batch, class)."""
        scores: torch.Tensor = self.readout(embedding)
        if not self.outputs:
            return scores
        return torch.stack([part.amax(1) for part in torch.split(scores, self.outputs, 1)], 1)

    def layers(self) -> list[Layer]:
        """Return the convolutions, the mean behind the last one, and the read-out."""
        found: list[Layer] = []
        source: Source = "input"
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            kind = ("depthwise" if number % 2 else "pointwise") if number else "convolution"
            found.append(
                Layer(
                    f"{kind}_{1 + (number + 1) // 2}", "convolution", block, source,
                    block.convolution, block.norm, block.neuron, geometry=block.grid,
                )
            )  # fmt: skip
            source = output_of(block.neuron)
        mean = Everywhere(1, "average")
        head: dict[str, Any] = {"synapses": self.readout, "readout": True}
        return [
            *found,
            Layer("pooling", "pooling", self.pooling, source, geometry=mean),
            Layer("readout", "linear", self.readout, "pooled", **head),
        ]


class Mean(nn.Module):
    """The mean over time steps, frames and bins."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, channel, frame, bin) to (batch, channel)."""
        return x.mean((0, 3, 4))


def apart(x: torch.Tensor, patches: int) -> torch.Tensor:
    """Return clips (clip, channel, frame, bin) as patches (clip x patch, ...), channels last."""
    places = x.permute(0, 2, 3, 1).contiguous()
    rows = places.shape[1] // patches
    return places.view(len(x) * patches, rows, *places.shape[2:]).permute(0, 3, 1, 2)


def together(x: torch.Tensor, clips: int) -> torch.Tensor:
    """Return patches as clips again; undoes :func:`apart`."""
    places = x.permute(0, 2, 3, 1).contiguous()
    rows = places.shape[0] // clips * places.shape[1]
    return places.view(clips, rows, *places.shape[2:]).permute(0, 3, 1, 2)
