"""A detector's layers as tables of rows: batch norms, means and biases folded in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.costs.lazy_updates import shift
from spikesound.models.networks.causal import CausalBlock, CausalLayer

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rounding:
    """To multiples of what numbers are rounded up, with what never spikes.

    Attributes
    ----------
    channels : those of an output place
    units : those of a layer
    """

    channels: int
    units: int

    def wide(self, channels: int) -> int:
        """Return so many channels, rounded up."""
        return -(-channels // self.channels) * self.channels

    def whole(self, units: int) -> int:
        """Return so many units, rounded up."""
        return -(-units // self.units) * self.units


@dataclass(frozen=True)
class Folded:
    """A layer for the kernels (:mod:`spikesound.inference.streaming.kernels.scatter`).

    Attributes
    ----------
    taps, dilation, columns, stride, padding, bins, channels, places, width, units : as there
    weights : (tap x column x input channel, output channel)
    ground : constant current of each unit
    shape : outputs as in the network, (feature,) or (channel, place)
    """

    taps: int
    dilation: int
    columns: int
    stride: int
    padding: int
    bins: int
    channels: int
    places: int
    width: int
    units: int
    weights: Floats
    ground: Floats
    shape: tuple[int, ...]


def fold_block(block: CausalBlock, channels: int, rounding: Rounding) -> Folded:
    """Fold a block, whose input has so many channels, rounded up."""
    kernel = block.merged().detach().double() * _scale(block.norm)[:, None, None, None]
    rows = kernel.flip(2).permute(2, 3, 1, 0)  # the newest frame first
    (inputs, bins), (outputs, places) = block.inputs, block.outputs
    width = rounding.wide(outputs)
    weights = np.zeros((*rows.shape[:2], channels, width), np.float32)
    weights[:, :, :inputs, :outputs] = rows.numpy()
    return Folded(
        block.kernel,
        1,
        rows.shape[1],
        block.pool,
        block.kernel // 2,
        bins,
        channels,
        places,
        width,
        rounding.whole(places * width),
        weights.reshape(-1, width),
        _ground(_array(shift(block.norm)), places, width, rounding),
        block.outputs,
    )


def fold_layer(layer: CausalLayer, before: Folded, rounding: Rounding) -> Folded:
    """Fold a dilated layer."""
    weight = layer.convolution.weight.detach().double() * _scale(layer.norm)[:, None, None]
    rows = weight.flip(2).permute(2, 1, 0).numpy()
    dilation = layer.convolution.dilation[0]
    return _linear(rows, _array(shift(layer.norm)), dilation, before, rounding)


def fold_linear(
    weight: torch.Tensor, bias: torch.Tensor, before: Folded, rounding: Rounding
) -> Folded:
    """Fold a linear layer with weights (output, input)."""
    rows = weight.detach().double().t()[None].numpy()
    return _linear(rows, _array(bias), 1, before, rounding)


def fold_normed(linear: nn.Linear, norm: Any, before: Folded, rounding: Rounding) -> Folded:
    """Fold a linear layer without biases and the batch norm behind it."""
    scaled = linear.weight.detach().double() * _scale(norm)[:, None]
    return fold_linear(scaled, shift(norm), before, rounding)


def _linear(
    rows: npt.NDArray[np.float64],
    bias: Floats,
    dilation: int,
    before: Folded,
    rounding: Rounding,
) -> Folded:
    """Bring the inputs into the order and the number in which the layer before puts them out."""
    taps, _, outputs = rows.shape
    width = rounding.wide(outputs)
    if len(before.shape) == 2:  # from (channel, place) to (place, channel)
        rows = rows.reshape(taps, *before.shape, outputs).swapaxes(1, 2)
    else:
        rows = rows[:, None]
    inputs = before.places * before.width
    weights = np.zeros((taps, before.places, before.width, width), np.float32)
    weights[:, :, : rows.shape[2], :outputs] = rows
    return Folded(
        taps,
        dilation,
        1,
        1,
        0,
        1,
        inputs,
        1,
        width,
        rounding.whole(width),
        weights.reshape(-1, width),
        _ground(bias, 1, width, rounding),
        (outputs,),
    )


def _scale(norm: Any) -> torch.Tensor:
    found: torch.Tensor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().double()
    return found


def _array(values: torch.Tensor) -> Floats:
    return values.detach().float().numpy()


def _ground(bias: Floats, places: int, width: int, rounding: Rounding) -> Floats:
    """Lay the currents out by place and channel; what is there to fill up never spikes."""
    ground = np.full((places, width), -np.inf, np.float32)
    ground[:, : len(bias)] = bias
    filled = np.full(rounding.whole(ground.size), -np.inf, np.float32)
    filled[: ground.size] = ground.ravel()
    return filled
