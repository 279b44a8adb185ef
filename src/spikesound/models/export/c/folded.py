"""A detector's layers as float tables of weights, with batch norms and pooling folded in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.grid import merged_average
from spikesound.models.layers import Causal, Layer, layers_of
from spikesound.models.loading import TrainedModel
from spikesound.models.networks.causal import Integrator
from spikesound.models.sums import affine_of
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF

Doubles = npt.NDArray[np.float64]

MOST_LEVELS = 255
"""Spikes of a frame: their number is a byte."""


@dataclass(frozen=True)
class Rule:
    """Decay, threshold and reset of a layer of leaky integrate-and-fire neurons.

    Attributes
    ----------
    threshold : of a spike; where a frame has several, of the first, and that of each further one
        is twice as much above the one before
    reset : "subtract", "zero" or "none"; "before_decay": a frame's spikes are subtracted before the
        decay
    levels : most spikes of a frame
    """

    decay: float
    threshold: float
    reset: str
    levels: int = 1


@dataclass(frozen=True)
class FloatLayer:
    """A causal convolution over this and earlier frames, and over places (bins) of the input.

    Output place v takes the columns of the input that begin at place ``v stride - padding``.

    Attributes
    ----------
    taps, dilation : frames ``t``, ``t - dilation``, ...
    stride, padding : of the columns
    bins, channels : of the input; its units go by place, then channel
    places : of the output
    weights : (tap, column, channel, output channel), the newest frame first
    bias : (output channel,)
    rule : of spiking neurons; None: ReLU
    read : whether the read-out gets its outputs
    """

    name: str
    taps: int
    dilation: int
    stride: int
    padding: int
    bins: int
    channels: int
    places: int
    weights: Doubles
    bias: Doubles
    rule: Rule | None
    read: bool

    @property
    def columns(self) -> int:
        """Places of the input that one output takes."""
        return int(self.weights.shape[1])

    @property
    def width(self) -> int:
        """Output channels."""
        return len(self.bias)

    @property
    def units(self) -> int:
        """Outputs of a frame."""
        return self.places * self.width


@dataclass(frozen=True)
class FloatReadout:
    """Linear map of the layers that are read, side by side, and a leaky integrator a class.

    Attributes
    ----------
    weights : (unit of the layers read, class)
    bias : (class,)
    decay : of the integrators
    """

    weights: Doubles
    bias: Doubles
    decay: float


def float_layers(model: TrainedModel) -> tuple[list[FloatLayer], FloatReadout]:
    """Return a detector's layers before the read-out, and the read-out.

    Raises
    ------
    SpikesoundError
        If it has another kind of layer or neuron.
    """
    *inner, last = layers_of(model.network)
    found: list[FloatLayer] = []
    for layer in inner:
        found.append(_folded(layer, found[-1] if found else None, layer.name in last.reads))
    if not isinstance(last.neuron, Integrator) or not any(layer.read for layer in found):
        raise SpikesoundError(f"layer {last.name!r}: expected integrators behind layers in C")
    synapses: Any = last.synapses
    read = [layer for layer in found if layer.read]
    parts = array_of(synapses.weight).T.reshape(-1, len(synapses.bias))
    ends = np.cumsum([layer.units for layer in read])[:-1]
    rows = [_by_place(x, y) for x, y in zip(np.split(parts, ends), read, strict=True)]
    decay = float(unit(last.neuron.beta.detach()))
    return found, FloatReadout(np.concatenate(rows), array_of(synapses.bias), decay)


def _folded(layer: Layer, before: FloatLayer | None, read: bool) -> FloatLayer:
    geometry, synapses = layer.geometry, layer.synapses
    if not isinstance(geometry, Causal) or not isinstance(synapses, nn.Conv1d | nn.Conv2d):
        raise SpikesoundError(
            f"layer {layer.name!r} of kind {layer.kind!r} cannot be expressed in C; the kind must "
            "be causal_convolution"
        )
    scale, shift = affine_of(layer)
    weights = synapses.weight.detach().double() * scale.view(-1, *[1] * (synapses.weight.dim() - 1))
    rule, common = rule_of(layer), (geometry.taps, geometry.dilation)
    if isinstance(synapses, nn.Conv2d):
        merged = merged_average(weights, (1, geometry.pool)).flip(2).permute(2, 3, 1, 0).numpy()
        (channels, bins), (_, places) = geometry.inputs, geometry.outputs
        sizes = (geometry.pool, geometry.width // 2, bins, channels, places)
        return FloatLayer(layer.name, *common, *sizes, merged, shift, rule, read)
    rows = weights.flip(2).permute(2, 1, 0).numpy()
    if before is not None:
        rows = np.stack([_by_place(row, before) for row in rows])
    sizes = (1, 0, 1, rows.shape[1], 1)
    return FloatLayer(layer.name, *common, *sizes, rows[:, None], shift, rule, read)


def _by_place(rows: Doubles, before: FloatLayer) -> Doubles:
    """Order rows (channel, place) of a layer's outputs by place and channel."""
    by_channel = rows.reshape(before.width, before.places, -1)
    return by_channel.swapaxes(0, 1).reshape(before.units, -1)


def rule_of(layer: Layer) -> Rule | None:
    """Return the rule of a layer's spiking neurons; None of ReLU.

    Raises
    ------
    SpikesoundError
        If its neuron is another, or has more spikes a frame than a byte can say.
    """
    neuron = layer.neuron
    if isinstance(neuron, nn.ReLU):
        return None
    if isinstance(neuron, MultiSpikeLIF):
        if neuron.levels > MOST_LEVELS:
            raise SpikesoundError(
                f"layer {layer.name!r}: {neuron.levels} spikes a frame cannot be expressed in C; "
                f"levels must be at most {MOST_LEVELS}"
            )
        reset = "before_decay" if neuron.reset == "subtract" else neuron.reset
        return Rule(float(unit(neuron.beta.detach())), 0.5, reset, neuron.levels)
    if not isinstance(neuron, LIF) or neuron.rule.refractory:
        held = " with a refractory period" if isinstance(neuron, LIF) else ""
        raise SpikesoundError(
            f"layer {layer.name!r}: neuron {type(neuron).__name__}{held} cannot be expressed in C; "
            "the neuron must be ReLU, LIF or MultiSpikeLIF"
        )
    decay, threshold = neuron.constants()
    return Rule(float(decay.detach()), float(threshold.detach()), neuron.rule.reset)


def array_of(values: torch.Tensor) -> Doubles:
    """Return a parameter as float64."""
    found: Doubles = values.detach().double().numpy()
    return found
