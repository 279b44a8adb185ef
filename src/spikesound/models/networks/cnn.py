"""A plain convolutional network over the spectrogram, and its spiking twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.folding import Normed
from spikesound.models.grid import Grid, Pool
from spikesound.models.layers import Layer, Source, output_of
from spikesound.models.networks.clip_pooling import CLIP_POOLINGS
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.output import Output
from spikesound.params import CNNParams, ConvolutionParams


class Block(Normed):
    """Convolution with 2 x 2 pooling, batch norm, neuron.

    Pooling comes before the neuron, so that what goes to the next layer are spikes. Of the currents
    it leaves four times fewer neurons to update; of ``outputs`` there are neurons at every place,
    and the mean of what they put out is the input of the next block's convolution. With either mean
    all before the neuron is linear. An axis with a single row left is not pooled further.

    Parameters
    ----------
    inputs, outputs : channels
    params : kernel and pooling
    neuron : of the pooled currents
    first : whether the input is the network's, which is not pooled as outputs are
    """

    synapses_name = "convolution"

    def __init__(
        self,
        inputs: int,
        outputs: int,
        params: ConvolutionParams,
        neuron: nn.Module,
        *,
        first: bool = False,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            inputs, outputs, params.kernel, padding=params.kernel // 2, bias=False
        )
        self.kernel = params.kernel
        pool: Pool = params.pool if params.pool != "outputs" else "none" if first else "inputs"
        self.grid = Grid(params.kernel, pool)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.pooled: Pooled = APART.get(pool, merged)
        self.neuron = neuron

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Map (time, batch, channel, frame, bin) to the same at the pooled frames and bins.

        Where the input has one time step and ``steps`` are requested, the current is computed
        once and given to the neuron at each of them (direct coding).
        """
        time, batch = x.shape[:2]
        flat = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        currents = self.norm(self.pooled(flat, self.convolution, self.grid))
        currents = currents.unflatten(0, (time, batch))
        if time == 1 and steps > 1:
            currents = currents.expand(steps, *currents.shape[1:])
        out: torch.Tensor = self.neuron(currents)
        return out

    def fold(self) -> None:
        """Put the batch norm into the weights and a bias of the convolution, for inference.

        Raises
        ------
        SpikesoundError
            If pooling stands between them that a negative factor does not pass through.
        """
        if self.grid.pool == "max":
            raise SpikesoundError(
                "networks.cnn.pool: 'max' does not let a batch norm be folded into the "
                "convolution; valid: average, stride, outputs"
            )
        super().fold()
        self.convolution.to(memory_format=torch.channels_last)

    def layer(self, number: int, source: Source) -> Layer:
        """Return it as a layer."""
        return Layer(
            f"convolution_{number}",
            "convolution",
            self,
            source,
            self.convolution,
            self.norm,
            self.neuron,
            geometry=self.grid,
        )


def blocks_of(params: ConvolutionParams, neuron: Callable[[], nn.Module]) -> list[Block]:
    """Return blocks one behind the other, the first of one channel, each with its own neuron."""
    widths = [1, *params.channels]
    return [
        Block(inputs, outputs, params, neuron(), first=not number)
        for number, (inputs, outputs) in enumerate(pairwise(widths))
    ]


def layers_of_blocks(blocks: Iterable[nn.Module]) -> tuple[list[Layer], Source]:
    """Return blocks one behind the other as layers, and what the last one puts out."""
    found: list[Layer] = []
    source: Source = "input"
    for number, block in enumerate(blocks, start=1):
        assert isinstance(block, Block)
        found.append(block.layer(number, source))
        source = output_of(block.neuron)
    return found, source


def pooled_bins(blocks: Iterable[nn.Module], bins: int) -> int:
    """Return the bins of what blocks, one behind the other, make of an input of so many."""
    for module in blocks:
        for block in module.modules():
            if isinstance(block, Block):
                bins = block.grid.on(2, bins).size[1]
                bins //= min(2, bins) if block.grid.pool == "max" else 1
    return bins


def merged(x: torch.Tensor, convolution: nn.Conv2d, grid: Grid) -> torch.Tensor:
    """Convolve and pool as the one convolution that the two come to."""
    rows, columns = x.shape[-2:]
    one, weight = grid.on(rows, columns), grid.merged(convolution.weight, rows, columns)
    return functional.conv2d(x, weight, convolution.bias, one.stride, one.padding)


def max_pooled(x: torch.Tensor, convolution: nn.Conv2d, grid: Grid) -> torch.Tensor:
    """Convolve, and take the largest of 2 x 2 places."""
    maps = convolution(x)
    return functional.max_pool2d(maps, [min(2, size) for size in maps.shape[-2:]])


def averaged_first(x: torch.Tensor, convolution: nn.Conv2d, grid: Grid) -> torch.Tensor:
    """Average over 2 x 2 places, with zeros beyond an odd one, and convolve.

    As one convolution it would have four times the products. What that one computes is the
    definition: half the places of an odd axis, rounded down, the last of which sees the odd one.
    """
    rows, columns = x.shape[-2:]
    high, wide = grid.stride(rows, columns)
    even = functional.pad(x, (0, columns % wide, 0, rows % high))
    found: torch.Tensor = convolution(functional.avg_pool2d(even, (high, wide)))
    size = grid.on(rows, columns).size
    return found[..., : size[0], : size[1]]


Pooled = Callable[[torch.Tensor, nn.Conv2d, Grid], torch.Tensor]

APART: dict[Pool, Pooled] = {"max": max_pooled, "inputs": averaged_first}
"""Pooling that is computed beside the convolution; any other is part of it."""


class CNN(nn.Module):
    """Blocks of convolution, pooling, batch norm and neuron; pooling over the clip; linear.

    With ReLU it is the conventional network at one time step, with a spiking neuron its twin: the
    weights have the same shapes. The read-out ``rate`` reads spike counts: the last layer's spikes
    are averaged over time steps, then pooled over the clip (:mod:`.clip_pooling`). Any other reads
    output neurons, one a class, whose currents are the same map of each step's spikes; those of
    which the membrane is read do not spike.

    Parameters
    ----------
    params : channels of each block, kernel size, pooling in blocks and over the clip, dropout
        before the read-out
    layout : bins, classes, steps, weights of the steps, read-out
    neuron : makes the neuron of each block, a module on (time, batch, channel, frame, bin)
    """

    step_weights: torch.Tensor | None

    def __init__(self, params: CNNParams, layout: Layout, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()
        blocks, width = self.made(params, neuron)
        self.blocks = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(params.dropout)
        self.pooling = CLIP_POOLINGS[params.pooling](width, pooled_bins(blocks, layout.bins))
        self.readout = nn.Linear(self.pooling.width, layout.classes)
        self.layout = layout
        self.steps = layout.steps
        weights = layout.step_weights
        self.register_buffer(
            "step_weights", None if weights is None else torch.tensor(weights), persistent=False
        )
        self.to(memory_format=torch.channels_last)
        self.output = Output(layout.readout, neuron) if layout.readout != "rate" else None

    def made(
        self, params: CNNParams, neuron: Callable[[], nn.Module]
    ) -> tuple[Sequence[nn.Module], int]:
        """Return the blocks, and the channels of the last one's output."""
        return blocks_of(params, neuron), params.channels[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to class scores (batch, class)."""
        return self.scores([self.summary(self.weighted(x), self.layout.steps)])

    def weighted(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply the input of each step by the step's weight, if there are such."""
        return x if self.step_weights is None else x * self.step_weights.view(-1, 1, 1, 1)

    def channels(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to the first block's input, of one channel."""
        return x.unsqueeze(2)

    def summary(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Return what the read-out needs of these steps, of weighted inputs.

        For ``rate`` what the pooling needs of the spikes summed over steps, with pooling over
        frames (batch, channel, frame); else the pooled spikes of each step (time, batch, value).
        """
        x = self.channels(x)
        for block in self.blocks:
            x = block(x, steps)
        if self.output is None:
            return self.pooling.summarised(x.sum(0))
        pooled: torch.Tensor = self.pooling(self.pooling.summarised(x))
        return pooled

    def scores(self, summaries: list[torch.Tensor]) -> torch.Tensor:
        """Return class scores (batch, class) from the summaries of all steps, piece by piece."""
        if self.output is None:
            pooled = self.pooling(torch.stack(summaries).sum(0) / self.layout.steps)
            scores: torch.Tensor = self.readout(self.dropout(pooled))
            return scores
        pooled = torch.cat(summaries)
        kept = self.dropout(torch.ones_like(pooled[:1]))  # the same units at all steps
        read: torch.Tensor = self.output(self.readout(pooled * kept))
        return read

    def scores_by_step(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores after each step (step, batch, class).

        The read-out ``rate`` divides by the steps gone by, so that it is on the scale it was
        trained for; any other reads the output neurons as they are by then.
        """
        x = self.channels(self.weighted(x))
        for block in self.blocks:
            x = block(x, self.layout.steps)
        steps, summaries = len(x), self.pooling.summarised(x)
        if self.output is None:
            so_far = summaries.cumsum(0)
            scores = [self.scores([so_far[t] * (steps / (t + 1))]) for t in range(steps)]
            scores[-1] = self.scores([self.pooling.summarised(x.sum(0))])  # as a call adds up
        else:
            pooled = self.pooling(summaries)
            scores = [self.scores([pooled[: t + 1]]) for t in range(steps)]
        return torch.stack(scores)

    def layers(self) -> list[Layer]:
        """Return the blocks, the pooling over the clip, and the read-out."""
        found, source = layers_of_blocks(self.blocks)
        return [*found, *self.read(self.blocks[-1], source)]

    def read(self, last: nn.Module, source: Source) -> list[Layer]:
        """Return the pooling of what a module puts out, and the read-out, as layers."""
        output = self.output
        return [
            *self.pooling.layers(last, source, each_step=output is not None),
            Layer(
                "readout",
                "linear",
                self.readout,
                "pooled",
                self.readout,
                neuron=None if output is None else (output.neuron or output),
                units="li" if output is not None and output.neuron is None else None,
                readout=True,
            ),
        ]
