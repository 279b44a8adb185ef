"""ResNet and DenseNet in small, conventional and spiking: blocks with units that are joined on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.grid import Grid
from spikesound.models.layers import Join, Layer, Source, output_of
from spikesound.models.networks.cnn import CNN, Block, merged
from spikesound.models.networks.layout import Layout
from spikesound.params import CNNParams, DenseNetParams, ResNetParams

MakeNeuron = Callable[[], nn.Module]


class Unpooled(Block):
    """Convolution, batch norm, neuron, at every place."""

    def __init__(self, inputs: int, outputs: int, params: CNNParams, neuron: nn.Module) -> None:
        super().__init__(inputs, outputs, params, neuron)
        self.grid = Grid(params.kernel, "none")
        self.pooled = merged


class Sum(nn.Module):
    """The sum of what a unit takes in and what its last neurons put out."""

    how: Join = "sum"

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return x + y."""
        return x + y


class Beside(nn.Module):
    """What a unit takes in, with what its neurons put out as further channels."""

    how: Join = "beside"

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return (time, batch, channel of x and y, frame, bin)."""
        return torch.cat([x, y], 2)


class Unit(nn.Module):
    """Convolutions without pooling, joined with their input: O = A(x) + x, or A(x) beside x.

    With ReLU the sum is that of a residual unit whose activation comes before it; with spiking
    neurons it is the spike-element-wise residual with g = ADD. What ADD puts out are numbers of
    spikes: those of the unit's neurons and those that it took in reach the next synapses alike.
    """

    def __init__(self, convolutions: list[Unpooled], join: Sum | Beside) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.join = join

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Map (time, batch, channel, frame, bin) to the same places."""
        y = x
        for convolution in self.convolutions:
            y = convolution(y, steps)
        out: torch.Tensor = self.join(x, y)
        return out


class Stage(nn.Module):
    """A convolution with 2 x 2 pooling, and the units behind it."""

    def __init__(self, first: Block, units: list[Unit]) -> None:
        super().__init__()
        self.first, self.units = first, nn.ModuleList(units)

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Map (time, batch, channel, frame, bin) to the same at half the frames and bins."""
        x = self.first(x, steps)
        for unit in self.units:
            x = unit(x, steps)
        return x


class Residual(CNN):
    """A CNN whose blocks have units behind them; read out as :class:`.CNN` is.

    Parameters
    ----------
    params : channels, kernel, pooling and dropout as of a CNN; units; spectrograms in the bins
    layout : bins, classes, steps, weights of the steps, read-out
    neuron : makes the neuron of each convolution

    Raises
    ------
    SpikesoundError
        If the bins are not a multiple of the spectrograms that lie in them.
    """

    def __init__(self, params: Any, layout: Layout, neuron: MakeNeuron) -> None:
        if layout.bins % params.windows:
            raise SpikesoundError(
                f"networks: windows: expected a divisor of the {layout.bins} bins, got "
                f"{params.windows}"
            )
        layout = replace(layout, bins=layout.bins // params.windows)
        super().__init__(params, layout, neuron)
        self.windows = params.windows

    def channels(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to the spectrograms as channels."""
        time, batch, frames, bins = x.shape
        return x.reshape(time, batch, frames, self.windows, bins // self.windows).movedim(3, 2)

    def layers(self) -> list[Layer]:
        """Return the convolutions and joins, the pooling behind the last one, and the read-out."""
        found: list[Layer] = []
        source: Source = "input"
        number = 0
        for stage in self.blocks:
            assert isinstance(stage, Stage)
            number += 1
            found.append(stage.first.layer(number, source))
            source = neurons = output_of(stage.first.neuron)
            for unit in stage.units:
                assert isinstance(unit, Unit)
                before = found[-1].name
                for convolution in unit.convolutions:
                    assert isinstance(convolution, Unpooled)
                    number += 1
                    found.append(convolution.layer(number, source))
                    source = neurons
                join: Any = unit.join
                reads = before, found[-1].name
                found.append(
                    Layer(f"join_{number}", "join", join, neurons, reads=reads, join=join.how)
                )
                summed = join.how == "sum" and neurons == "spikes"
                source = "spike_numbers" if summed else neurons
        last: Any = self.blocks[-1]
        pooled = last.units[-1].join if last.units else last.first
        return [*found, *self.read(pooled, source)]


class ResNet(Residual):
    """Units of two convolutions, whose outputs are added to their input.

    References
    ----------
    He et al. 2016, "Deep residual learning for image recognition"; Fang et al. 2021, "Deep residual
    learning in spiking neural networks", equations 6 and 7.
    """

    def made(self, params: Any, neuron: MakeNeuron) -> tuple[list[nn.Module], int]:
        """Return the stages, and the channels of the last one's output."""
        section: ResNetParams = params
        stages: list[nn.Module] = []
        for inputs, width in pairwise([section.windows, *section.channels]):
            units = [
                Unit([Unpooled(width, width, section, neuron()) for _ in range(2)], Sum())
                for _ in range(section.units)
            ]
            first = Block(inputs, width, section, neuron(), first=not stages)
            stages.append(Stage(first, units))
        return stages, section.channels[-1]


class DenseNet(Residual):
    """Units of one convolution, whose outputs are laid beside their input.

    References
    ----------
    Huang et al. 2017, "Densely connected convolutional networks"; with spiking neurons Cordone,
    Miramond & Thierion 2022, "Object detection with spiking neural networks on automotive event
    data".
    """

    def made(self, params: Any, neuron: MakeNeuron) -> tuple[list[nn.Module], int]:
        """Return the stages, and the channels of the last one's output."""
        section: DenseNetParams = params
        stages: list[nn.Module] = []
        inputs = section.windows
        for width in section.channels:
            first, units = Block(inputs, width, section, neuron(), first=not stages), []
            inputs = width
            for _ in range(section.units):
                convolution = Unpooled(inputs, section.growth, section, neuron())
                units.append(Unit([convolution], Beside()))
                inputs += section.growth
            stages.append(Stage(first, units))
        return stages, inputs
