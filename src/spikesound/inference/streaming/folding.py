"""A detector's layers as tables of weights: batch norms, means and biases folded in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError, choose
from spikesound.models.grid import merged_average
from spikesound.models.layers import Causal, Layer
from spikesound.models.sums import affine_of

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rounding:
    """Multiples that sizes are rounded up to; the padding never spikes.

    Attributes
    ----------
    channels : of the number of channels of an output place
    units : of the number of units of a layer
    """

    channels: int
    units: int

    def wide(self, channels: int) -> int:
        """Return a number of channels rounded up."""
        return -(-channels // self.channels) * self.channels

    def whole(self, units: int) -> int:
        """Return a number of units rounded up."""
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
    recurrent : weights of the layer's outputs to itself, (from, to); None: without
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
    recurrent: Floats | None = None


def fold_layers(layers: list[Layer], rounding: Rounding) -> list[Folded]:
    """Fold layers by their kinds.

    Raises
    ------
    SpikesoundError
        If a layer is of another kind, or a recurrent one is not the last.
    """
    folded: list[Folded] = []
    for layer in layers:
        fold = choose(FOLDS, layer.kind, "kind of a compiled layer")
        if layer.kind != "causal_convolution" and layer is not layers[-1]:
            raise SpikesoundError(f"layer {layer.name}: a recurrent layer is compiled as the last")
        folded.append(fold(layer, folded[-1] if folded else None, rounding))
    return folded


def fold_causal(layer: Layer, before: Folded | None, rounding: Rounding) -> Folded:
    """Fold a causal convolution; ``before``: None for the first layer."""
    weights: Any = layer.synapses
    geometry = layer.geometry
    assert isinstance(geometry, Causal)
    if weights.weight.dim() == 3:
        assert before is not None
        return _fold_sequence(layer, weights.weight, geometry, before, rounding)
    channels = 1 if before is None else before.width
    scale, bias = affine_of(layer, torch.float32)
    merged = merged_average(weights.weight, (1, geometry.pool)).detach().double()
    rows = (merged * scale[:, None, None, None]).flip(2).permute(2, 3, 1, 0)  # newest frame first
    (inputs, bins), (outputs, places) = geometry.inputs, geometry.outputs
    width = rounding.wide(outputs)
    table = np.zeros((*rows.shape[:2], channels, width), np.float32)
    table[:, :, :inputs, :outputs] = rows.numpy()
    return Folded(
        geometry.taps,
        geometry.dilation,
        rows.shape[1],
        geometry.pool,
        geometry.width // 2,
        bins,
        channels,
        places,
        width,
        rounding.whole(places * width),
        table.reshape(-1, width),
        _ground(bias, places, width, rounding),
        geometry.outputs,
    )


def _fold_sequence(
    layer: Layer, weight: torch.Tensor, geometry: Causal, before: Folded, rounding: Rounding
) -> Folded:
    scale, bias = affine_of(layer, torch.float32)
    rows = (weight.detach().double() * scale[:, None, None]).flip(2).permute(2, 1, 0).numpy()
    return _linear(rows, bias, geometry.dilation, before, rounding)


def fold_recurrent(layer: Layer, before: Folded, rounding: Rounding) -> Folded:
    """Fold a recurrent layer of spiking neurons."""
    synapses: Any = layer.synapses
    neuron: Any = layer.neuron
    scale, bias = affine_of(layer, torch.float32)
    scaled = synapses.weight.detach().double() * scale[:, None]
    folded = fold_linear(scaled, torch.from_numpy(bias), before, rounding)
    own = neuron.recurrent.weight.detach().t().numpy()
    recurrent = np.zeros((folded.width, folded.width), np.float32)
    recurrent[: len(own), : len(own)] = own
    return replace(folded, recurrent=recurrent)


def fold_gated(layer: Layer, before: Folded, rounding: Rounding) -> Folded:
    """Fold a GRU or an LSTM; behind its ground are the biases of what its state adds."""
    cells: Any = layer.synapses
    if cells.num_layers != 1 or cells.bidirectional:
        raise SpikesoundError(f"layer {layer.name}: cells are compiled in one layer, forward")
    folded = fold_linear(cells.weight_ih_l0, cells.bias_ih_l0, before, rounding)
    both = np.concatenate([folded.ground, _array(cells.bias_hh_l0)])
    recurrent = np.ascontiguousarray(cells.weight_hh_l0.detach().t().numpy())
    return replace(folded, ground=both, recurrent=recurrent)


FOLDS: dict[str, Callable[[Layer, Any, Rounding], Folded]] = {
    "causal_convolution": fold_causal,
    "gated": fold_gated,
    "recurrent": fold_recurrent,
}
"""Folding functions by kind of layer; each gets the folded layer before it."""


def fold_linear(
    weight: torch.Tensor, bias: torch.Tensor, before: Folded, rounding: Rounding
) -> Folded:
    """Fold a linear layer with weights (output, input)."""
    rows = weight.detach().double().t()[None].numpy()
    return _linear(rows, _array(bias), 1, before, rounding)


def _linear(
    rows: npt.NDArray[np.float64],
    bias: Floats,
    dilation: int,
    before: Folded,
    rounding: Rounding,
) -> Folded:
    """Fold weights (tap, input, output), the inputs in the layout of the layer before."""
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


def _array(values: torch.Tensor) -> Floats:
    return values.detach().float().numpy()


def _ground(bias: Floats, places: int, width: int, rounding: Rounding) -> Floats:
    """Return the currents by place and channel; what fills them up never spikes."""
    ground = np.full((places, width), -np.inf, np.float32)
    ground[:, : len(bias)] = bias
    filled = np.full(rounding.whole(ground.size), -np.inf, np.float32)
    filled[: ground.size] = ground.ravel()
    return filled
