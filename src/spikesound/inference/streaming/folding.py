"""A detector's layers as tables of weights: batch norms, means and biases folded in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.lazy_updates import shift
from spikesound.models.networks.causal import CausalBlock, CausalLayer
from spikesound.models.networks.detector import Adaptive, Convolutions, Detector, Gated

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rounding:
    """What numbers are rounded up to multiples of; what fills them up never spikes.

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


def layers_of(network: Detector) -> tuple[list[nn.Module], int]:
    """Return a detector's layers from front to back, and how many of the last the readout reads.

    Nothing else here knows how a detector is put together.
    """
    memory = network.memory
    behind = list(memory.layers) if isinstance(memory, Convolutions) else [memory]
    return [*network.front, *behind], len(behind)


def fold_layers(network: Detector, rounding: Rounding) -> list[Folded]:
    """Fold all layers by their kinds.

    Raises
    ------
    SpikesoundError
        If a layer is of another kind, or the weights are not float32 on the CPU.
    """
    for name, values in network.named_parameters():
        if values.dtype != torch.float32 or values.device.type != "cpu":
            raise SpikesoundError(
                f"{name} is {values.dtype} on {values.device}; compiled kernels take float32 on cpu"
            )
    folded: list[Folded] = []
    for layer in layers_of(network)[0]:
        if type(layer) not in FOLDS:
            names = ", ".join(kind.__name__ for kind in FOLDS)
            raise SpikesoundError(f"a layer {type(layer).__name__} is not compiled; valid: {names}")
        folded.append(FOLDS[type(layer)](layer, folded[-1] if folded else None, rounding))
    return folded


def fold_block(block: CausalBlock, before: Folded | None, rounding: Rounding) -> Folded:
    """Fold a block of the front; ``before``: None for the first."""
    channels = 1 if before is None else before.width
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


def fold_adaptive(layer: Adaptive, before: Folded, rounding: Rounding) -> Folded:
    """Fold a recurrent layer of adaptive spiking neurons."""
    scaled = layer.currents.weight.detach().double() * _scale(layer.norm)[:, None]
    folded = fold_linear(scaled, shift(layer.norm), before, rounding)
    cells: Any = layer.neuron
    own = cells.recurrent.weight.detach().t().numpy()
    recurrent = np.zeros((folded.width, folded.width), np.float32)
    recurrent[: len(own), : len(own)] = own
    return replace(folded, recurrent=recurrent)


def fold_gated(layer: Gated, before: Folded, rounding: Rounding) -> Folded:
    """Fold a GRU or an LSTM; the biases of what its state adds stand behind its ground."""
    cells: Any = layer.cells
    folded = fold_linear(cells.weight_ih_l0, cells.bias_ih_l0, before, rounding)
    both = np.concatenate([folded.ground, _array(cells.bias_hh_l0)])
    recurrent = np.ascontiguousarray(cells.weight_hh_l0.detach().t().numpy())
    return replace(folded, ground=both, recurrent=recurrent)


FOLDS: dict[type[nn.Module], Callable[[Any, Any, Rounding], Folded]] = {
    CausalBlock: fold_block,
    CausalLayer: fold_layer,
    Adaptive: fold_adaptive,
    Gated: fold_gated,
}
"""How each kind of layer is folded, with the folded layer before it."""


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


def _scale(norm: Any) -> torch.Tensor:
    scale: torch.Tensor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale.detach().double()


def _array(values: torch.Tensor) -> Floats:
    return values.detach().float().numpy()


def _ground(bias: Floats, places: int, width: int, rounding: Rounding) -> Floats:
    """Return the currents by place and channel; what fills them up never spikes."""
    ground = np.full((places, width), -np.inf, np.float32)
    ground[:, : len(bias)] = bias
    filled = np.full(rounding.whole(ground.size), -np.inf, np.float32)
    filled[: ground.size] = ground.ravel()
    return filled
