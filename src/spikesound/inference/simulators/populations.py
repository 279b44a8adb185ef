"""A spiking network as populations of neurons and lists of synapses, as simulators take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError, choose
from spikesound.features import clip_samples
from spikesound.features.framing import frame_count
from spikesound.models.export.plain import plain_loops
from spikesound.models.folding import affine, folded
from spikesound.models.grid import Grid, merged_average
from spikesound.models.layers import Causal, Layer, hidden, layers_of, recorded
from spikesound.models.loading import TrainedModel
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Spikes = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Population:
    """Neurons of one layer: :math:`U_t = \\beta U_{t-1} + I_t` and a reset, a spike above theta.

    Attributes
    ----------
    name : of the layer
    size : number of neurons, channel by channel
    beta, threshold, reset : of its LIF neurons (:class:`spikesound.snn.neurons.lif.LIF`)
    bias : current of each neuron at every step; of the first layer zero: its currents are given
    convolution : whether its synapses share weights
    """

    name: str
    size: int
    beta: float
    threshold: float
    reset: str
    bias: Floats
    convolution: bool


@dataclass(frozen=True)
class Projection:
    """Synapses between two populations, one entry each.

    Attributes
    ----------
    source, target : names of the populations
    before, after : numbers of the neurons before and behind the synapse
    weight : what a spike adds to the current
    delay : in steps; 0: within the step, as layers of a network follow each other
    """

    source: str
    target: str
    before: Numbers
    after: Numbers
    weight: Floats
    delay: Numbers


@dataclass(frozen=True)
class Graph:
    """The hidden layers of a spiking network, front to back.

    The first layer's synapses read values, which no spike stands for: their sums are given to its
    neurons as currents. What reads the last layer is not in the graph.
    """

    populations: list[Population]
    projections: list[Projection]


def graph_of(model: TrainedModel) -> Graph:
    """Return a spiking network's hidden layers, batch norms and pooling folded into the weights.

    Raises
    ------
    SpikesoundError
        If the network does not spike, or a layer or a neuron cannot be written so.
    """
    network = plain_loops(model, torch.float64).network
    layers = spiking_layers(network, model.name)
    populations, projections = [], []
    shape: tuple[int, ...] = ()
    with torch.no_grad():
        shapes = _shapes(network, model, layers)
        for number, layer in enumerate(layers):
            weight, bias = _folded(layer)
            after = shapes[layer.name]
            size = int(np.prod(after))
            per_neuron = np.repeat(bias.numpy(), size // after[0])
            beta, threshold, reset = _constants(layer)
            populations.append(
                Population(
                    layer.name,
                    size,
                    beta,
                    threshold,
                    reset,
                    np.zeros(size) if number == 0 else per_neuron,
                    layer.kind != "linear" and weight.dim() > 3,
                )
            )
            if number:
                write = choose(WRITERS, layer.kind, "kind of layer in a simulator")
                projections.append(
                    Projection(layers[number - 1].name, layer.name, *write(layer, weight, shape))
                )
            shape = after
    return Graph(populations, projections)


def spiking_layers(network: nn.Module, name: str) -> list[Layer]:
    """Return a network's hidden layers, if all of them spike and each reads the one before."""
    layers = hidden(network)
    if not layers or not all(layer.spiking for layer in layers):
        raise SpikesoundError(f"{name}: expected a spiking network, for a simulator of spikes")
    if joins := [layer.name for layer in layers_of(network) if layer.kind == "join"]:
        raise SpikesoundError(
            f"{name}: layer {joins[0]!r} joins the outputs of two layers; for a simulator each "
            "layer must read the one before it"
        )
    return layers


def _shapes(
    network: nn.Module, model: TrainedModel, layers: list[Layer]
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each layer's output of one step, by a step of zeros."""
    spec = model.spec
    if model.detects:
        given = torch.zeros(1, 1, spec.bins, dtype=torch.float64)
    else:
        features, encoding = model.front_end.features, spec.encoding_section()
        count = frame_count(clip_samples(features), features.window, features.hop)
        steps = spec.steps if encoding is not None and encoding.spikes else 1
        given = torch.zeros(steps, 1, count, spec.bins, dtype=torch.float64)
    with recorded(network) as outputs:
        network(given)
    return {layer.name: tuple(each.shape[2:]) for layer, each in zip(layers, outputs, strict=True)}


def _constants(layer: Layer) -> tuple[float, float, str]:
    """Return decay, threshold and reset of a layer's neurons."""
    neuron = layer.neuron
    if isinstance(neuron, IF) and neuron.initial == 0:
        return 1.0, float(neuron.threshold), "subtract"
    if type(neuron) is LIF and neuron.rule.refractory == 0:
        beta, threshold = (each.item() for each in neuron.constants())
        return beta, threshold, neuron.rule.reset
    raise SpikesoundError(
        f"layer {layer.name!r}: neuron {type(neuron).__name__} has no counterpart in the "
        "simulators; it must be one of LIF without a refractory period, IF from zero"
    )


def _folded(layer: Layer) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight (output, ...) and bias (output,) with batch norm and pooling in them."""
    synapses: Any = layer.synapses
    weight, bias = synapses.weight, getattr(synapses, "bias", None)
    geometry = layer.geometry
    if isinstance(geometry, Grid) and geometry.pool == "max":
        raise SpikesoundError(
            f"layer {layer.name!r}: no simulator here has maximum pooling; pool must be one of "
            "average, stride, outputs"
        )
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    if layer.norm is not None and not isinstance(layer.norm, nn.Identity):
        weight, shift = folded(weight, layer.norm)
        bias = shift + affine(layer.norm)[0] * bias
    return weight, bias


Lists = tuple[Numbers, Numbers, Floats, Numbers]
"""Neurons before and behind, weights and delays of synapses."""


def _grid(layer: Layer, weight: torch.Tensor, shape: tuple[int, ...]) -> Lists:
    """List the synapses of a convolution over frames and bins on (channel, frame, bin)."""
    grid = layer.geometry
    assert isinstance(grid, Grid)
    _, rows, columns = shape
    one, weight = grid.on(rows, columns), grid.merged(weight, rows, columns)
    sizes = one.size
    parts = []
    for i, j in np.ndindex(*one.kernel):
        high, up = _reached(rows, sizes[0], one.stride[0], i - one.padding[0])
        wide, along = _reached(columns, sizes[1], one.stride[1], j - one.padding[1])
        before = (up[:, None] * columns + along).ravel()
        after = (high[:, None] * sizes[1] + wide).ravel()
        parts.append(
            _channels(weight[:, :, i, j], before, rows * columns, after, sizes[0] * sizes[1], 0)
        )
    return _joined(parts)


def _causal(layer: Layer, weight: torch.Tensor, shape: tuple[int, ...]) -> Lists:
    """List the synapses of a causal convolution, of which a tap is a delay."""
    causal = layer.geometry
    assert isinstance(causal, Causal)
    last, parts = causal.taps - 1, []
    if causal.width == 1:  # over frames alone, on all features laid side by side
        zero = np.zeros(1, np.int64)
        for tap in range(causal.taps):
            delay = (last - tap) * causal.dilation
            parts.append(_channels(weight[:, :, tap], zero, 1, zero, 1, delay))
        return _joined(parts)
    weight = merged_average(weight, (1, causal.pool))
    bins, places, pad = causal.inputs[1], causal.outputs[1], causal.width // 2
    for tap, j in np.ndindex(*weight.shape[2:]):
        after, before = _reached(bins, places, causal.pool, j - pad)
        delay = (last - tap) * causal.dilation
        parts.append(_channels(weight[:, :, tap, j], before, bins, after, places, delay))
    return _joined(parts)


def _linear(layer: Layer, weight: torch.Tensor, shape: tuple[int, ...]) -> Lists:
    """List the synapses of a linear map of all that the layer before puts out."""
    zero = np.zeros(1, np.int64)
    return _channels(weight, zero, 1, zero, 1, 0)


WRITERS: dict[str, Callable[[Layer, torch.Tensor, tuple[int, ...]], Lists]] = {
    "convolution": _grid,
    "causal_convolution": _causal,
    "linear": _linear,
}
"""Lists the synapses of a layer, by its kind, on the shape of the layer before."""


def _reached(inputs: int, outputs: int, stride: int, offset: int) -> tuple[Numbers, Numbers]:
    """Return the places v of an output and those s v + offset of the input that they read."""
    places = np.arange(outputs, dtype=np.int64)
    read = stride * places + offset
    inside = (read >= 0) & (read < inputs)
    return places[inside], read[inside]


def _channels(
    weight: torch.Tensor, before: Numbers, inputs: int, after: Numbers, outputs: int, delay: int
) -> Lists:
    """Repeat synapses between places for each pair of channels, (output, input) weights."""
    count, read = weight.shape
    shape = (count, read, len(before))
    sources = np.arange(read, dtype=np.int64)[None, :, None] * inputs + before
    targets = np.arange(count, dtype=np.int64)[:, None, None] * outputs + after
    weights = weight.double().numpy()[..., None]
    lists = (np.broadcast_to(each, shape).ravel() for each in (sources, targets, weights))
    first, second, third = lists
    return first, second, third, np.full(first.size, delay, np.int64)


def _joined(parts: list[Lists]) -> Lists:
    before, after, weight, delay = (np.concatenate(each) for each in zip(*parts, strict=True))
    return before, after, weight, delay
