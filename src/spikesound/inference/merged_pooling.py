"""A block of the CNN as one strided convolution with its neurons, on packed spikes or on values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from spikesound.models.grid import Grid
from spikesound.models.networks.cnn import Block
from spikesound.snn.event_driven import bit_words, conv, conv_first
from spikesound.snn.event_driven.add_rows import LANES
from spikesound.snn.kernels import numba_lif
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF

Array = npt.NDArray[np.float32]

TABLE = 8
"""Widest kernel for which what the first layer's inputs add is looked up; 2^8 patterns a row."""
SHARE = 6
"""Frames of a task: the fewer, the more often an input frame is searched for spikes."""
TASKS = 8
"""Tasks to be had where there are frames for them: threads must not wait for one another."""


@dataclass(frozen=True)
class Spikes:
    """Spikes as words (time, sample, frame, word), bits being (bin, channel), and how many.

    ``channels`` are those with padding, which never spikes.
    """

    words: bit_words.Words
    bins: int
    channels: int
    count: int

    @property
    def density(self) -> float:
        """Share of units that spiked."""
        steps, samples, frames, _ = self.words.shape
        return self.count / max(1, int(steps * samples * frames) * self.bins * self.channels)

    def values(self) -> torch.Tensor:
        """Return the spikes as float32 (time x sample, channel, frame, bin), channels last."""
        units = self.bins * self.channels
        flat = bit_words.unpack(self.words.reshape(-1, self.words.shape[3]), units)
        laid = flat.reshape(-1, self.words.shape[2], self.bins, self.channels)
        return torch.from_numpy(laid).permute(0, 3, 1, 2)


def pack(x: torch.Tensor) -> Spikes | None:
    """Pack spikes (time, sample, frame, bin) of any type; None if a value is neither 0 nor 1."""
    bins = x.shape[3]
    out = np.empty((*x.shape[:3], bit_words.words_for(bins)), np.uint64)
    rows = x.detach().contiguous().numpy().reshape(-1, bins)
    count = bit_words.pack_parallel(rows, out.reshape(len(rows), -1))
    return None if count < 0 else Spikes(out, bins, 1, count)


@dataclass(frozen=True)
class Merged:
    """A block's convolution with its norm and pooling in it, and its neuron's law.

    Attributes
    ----------
    weight, bias : of the one convolution; channels padded, the bias by -inf
    rows : the same weights (kernel row x kernel column x input channel, output channel)
    table : what the kernel's rows add for each pattern of a single channel; None: not to be used
    start : potential at the start
    """

    weight: torch.Tensor
    bias: torch.Tensor
    rows: Array
    table: Array | None
    grid: Grid
    law: numba_lif.Law
    start: np.float32

    @property
    def outputs(self) -> int:
        """Number of output channels, padded."""
        return len(self.bias)

    def size(self, frames: int, bins: int) -> tuple[int, int]:
        """Return frames and bins of the output."""
        return self.grid.on(frames, bins).size

    def sparse(self, spikes: Spikes, summary: Array) -> Spikes:
        """Run the block on spikes; ``summary`` is filled if it has rows."""
        steps, samples, frames, _ = spikes.words.shape
        one = self.grid.on(frames, spikes.bins)
        high, wide = one.size
        out = Spikes(_words(steps, samples, high, wide * self.outputs), wide, self.outputs, 0)
        ground = np.full(out.words.shape[3] * bit_words.BITS, -np.inf, np.float32)
        ground[: wide * self.outputs] = np.tile(self.bias.numpy(), wide)
        shape = *one.kernel, *one.stride, *one.padding, spikes.bins
        common = ground, self.start, self.law, wide
        if self.table is not None and not len(summary):
            count = conv_first.convolve_first(spikes.words, shape, self.table, *common, out.words)
        else:
            share = max(1, min(SHARE, samples * high // TASKS))
            count = conv.convolve(
                spikes.words, shape, self.rows, *common, share, out.words, summary
            )
        return Spikes(out.words, wide, self.outputs, count)

    def dense(self, values: torch.Tensor, given: int, steps: int, summary: Array) -> Spikes:
        """Run the block on values (time x sample, channel, frame, bin) of ``given`` steps."""
        laid = values.contiguous(memory_format=torch.channels_last)
        one = self.grid.on(*laid.shape[2:])
        currents = functional.conv2d(laid, self.weight, self.bias, one.stride, one.padding)
        high, wide = currents.shape[2:]
        flat = currents.permute(0, 2, 3, 1).reshape(given, -1, high, wide * self.outputs)
        out = _words(steps, flat.shape[1], high, wide * self.outputs)
        count = conv.fire(flat.contiguous().numpy(), wide, self.start, self.law, out, summary)
        return Spikes(out, wide, self.outputs, count)


def merge(block: Block, frames: int, bins: int, *, first: bool) -> Merged:
    """Merge a folded block's pooling into its weights, for inputs of so many frames and bins.

    Only whether there is more than one counts. The ``first`` block has a single input channel,
    which is not padded. The equations stand in :mod:`spikesound.models.grid`.
    """
    convolution = block.convolution
    assert convolution.bias is not None
    weight = block.grid.merged(convolution.weight.detach(), frames, bins)
    outputs, inputs = weight.shape[:2]
    more = 0 if first else -inputs % LANES
    weight = functional.pad(weight, (0, 0, 0, 0, 0, more, 0, -outputs % LANES))
    bias = functional.pad(convolution.bias.detach(), (0, -outputs % LANES), value=-torch.inf)
    law, start = LAWS[type(block.neuron)](block.neuron)
    rows = weight.permute(2, 3, 1, 0).reshape(-1, len(bias)).contiguous()
    fits = first and weight.shape[3] <= TABLE
    return Merged(
        weight.contiguous(memory_format=torch.channels_last),
        bias,
        rows.numpy(),
        look_up(rows, weight.shape[3]).numpy() if fits else None,
        block.grid,
        law,
        start,
    )


def look_up(rows: torch.Tensor, columns: int) -> torch.Tensor:
    """Sum each subset of each kernel row's weights: (kernel row x pattern, output channel)."""
    patterns = torch.arange(1 << columns)
    bits = (patterns.unsqueeze(1) >> torch.arange(columns)) & 1
    return (bits.float() @ rows.view(-1, columns, rows.shape[1])).flatten(0, 1)


def _words(steps: int, samples: int, frames: int, units: int) -> bit_words.Words:
    return np.empty((steps, samples, frames, bit_words.words_for(units)), np.uint64)


def _lif(neuron: Any) -> tuple[numba_lif.Law, np.float32]:
    beta, threshold = (each.item() for each in neuron.constants())
    return numba_lif.law(beta, threshold, neuron.rule), np.float32(0)


def _if(neuron: Any) -> tuple[numba_lif.Law, np.float32]:
    return numba_lif.law(1.0, neuron.threshold, neuron.rule), np.float32(neuron.initial)


LAWS: dict[type[nn.Module], Callable[[Any], tuple[numba_lif.Law, np.float32]]] = {
    LIF: _lif,
    IF: _if,
}
"""The neurons that the kernels know: law, and potential at the start."""
