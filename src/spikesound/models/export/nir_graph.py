"""From the layers of a spiking network to the nodes and edges of a NIR graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.exported import library
from spikesound.models.export.nir_neurons import (
    DT_S,
    Array,
    Shape,
    gain,
    integrator_node,
    level_nodes,
    neuron_node,
    reset_nodes,
)
from spikesound.models.folding import affine, folded
from spikesound.models.grid import Grid, merged_average
from spikesound.models.layers import Causal, Layer, Places, layers_of
from spikesound.models.loading import TrainedModel
from spikesound.models.networks.causal import Integrator
from spikesound.snn.neurons import DelayedSynapses
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF

POOLING = ("pooling", "frame_pooling")
"""Kinds of layers that read the whole clip; the graph ends before them."""


@dataclass
class Builder:
    """A graph that grows from its input on.

    Attributes
    ----------
    nodes, edges : of the graph
    last, shape : the node that the next one reads, and the shape of its output
    spiking : names of the spiking nodes, from front to back
    outputs : the node at the end of each layer, and the shape of its output, by the layer's name
    """

    nodes: dict[str, Any]
    shape: Shape
    last: str = "input"
    edges: list[tuple[str, str]] = field(default_factory=list)
    spiking: list[str] = field(default_factory=list)
    outputs: dict[str, tuple[str, Shape]] = field(default_factory=dict)

    def add(self, name: str, node: Any, shape: Shape) -> None:
        """Put a node behind the last one."""
        self.nodes[name] = node
        self.edges.append((self.last, name))
        self.last, self.shape = name, shape

    def flatten(self, name: str) -> None:
        """Lay all axes of the last node's output into one."""
        node = library("nir").Flatten({"input": np.array(self.shape)}, 0, -1)
        self.add(f"{name}_flatten", node, (int(np.prod(self.shape)),))

    def taps(self, layer: Layer, nodes: dict[int, Any], shape: Shape) -> None:
        """Put a layer's neuron behind the last node, which it reads through a node for each delay.

        Parameters
        ----------
        nodes : by their delay in time steps
        shape : of the neuron's output
        """
        source, entries = self.last, self._neuron(layer, shape)
        for steps, node in sorted(nodes.items()):
            tap = f"{layer.name}_tap_{steps}"
            self.nodes[tap] = node
            if steps:
                delay = np.full(self.shape, steps * DT_S)
                self.nodes[f"{tap}_delay"] = library("nir").Delay(delay=delay)
                self.edges += [(source, f"{tap}_delay"), (f"{tap}_delay", tap)]
            else:
                self.edges.append((source, tap))
            self.edges += [(tap, entry) for entry in entries]
        self.shape = shape

    def parts(self, layer: Layer, nodes: list[Any], shape: Shape) -> None:
        """Put a layer's neuron behind those that it reads, each through a node of its own."""
        sources = [self.outputs[name][0] for name in layer.reads] or [self.last]
        entries = self._neuron(layer, shape)
        for number, (source, node) in enumerate(zip(sources, nodes, strict=True)):
            part = f"{layer.name}_{number}"
            self.nodes[part] = node
            self.edges += [(source, part), *((part, entry) for entry in entries)]
        self.shape = shape

    def _neuron(self, layer: Layer, shape: Shape) -> list[str]:
        """Add a layer's neuron, which is now the last node; return the nodes that take currents."""
        back: dict[str, Any] = {}
        if isinstance(layer.neuron, Integrator):
            parts = {"membrane": integrator_node(layer.neuron, layer.name, shape)}
        elif isinstance(layer.neuron, MultiSpikeLIF):
            parts = level_nodes(layer.neuron, layer.name, shape)
        else:
            parts = {"neuron": neuron_node(layer.neuron, layer.name, shape)}
            back = reset_nodes(layer.neuron, layer.name, shape)
        named, cycle = (
            {f"{layer.name}_{part}": node for part, node in some.items()} for some in (parts, back)
        )
        entries, self.last = list(named), next(reversed(named))
        if len(entries) > 1:  # neurons whose spikes are added up
            self.last = f"{layer.name}_counts"
            named[self.last] = library("nir").Scale(np.ones(shape))
            self.edges += [(entry, self.last) for entry in entries]
        self.nodes |= named | cycle
        if cycle:
            self.edges += pairwise([self.last, *cycle, self.last])
        if layer.spiking:
            self.spiking.append(self.last)
        self.outputs[layer.name] = self.last, shape
        return entries

    def done(self, metadata: dict[str, Any]) -> Any:
        """Return the graph, which ends with the last node."""
        nir = library("nir")
        self.add("output", nir.Output({"output": np.array(self.shape)}), self.shape)
        try:
            return nir.NIRGraph(self.nodes, self.edges, metadata)
        except ValueError as error:
            raise SpikesoundError(f"package nir refuses the graph: {error}") from error


def graph_of(model: TrainedModel, shape: Shape) -> tuple[Any, list[str]]:
    """Return the graph, and the names of its spiking nodes from front to back.

    Layers behind a pooling over the clip, and a read-out without membranes, are not in the graph:
    the read-out's weights are in its metadata.

    Parameters
    ----------
    model : with weights in double precision
    shape : of the input of a step, without the batch

    Raises
    ------
    SpikesoundError
        If a layer cannot be expressed in NIR; the message names it.
    """
    nir = library("nir")
    builder = Builder({"input": nir.Input({"input": np.array(shape)})}, shape)
    layers = layers_of(model.network)
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer.geometry, Places):
                raise SpikesoundError(
                    f"{model.name}: of poolings of the clip, readers of a NIR graph know 'frames' "
                    "alone (networks.cnn.pooling)"
                )
            if layer.kind in POOLING or (
                layer.readout and not isinstance(layer.neuron, Integrator)
            ):
                weight, bias = effective(layers[-1], weight_of(layers[-1]))
                read = {"readout_weight": array(weight), "readout_bias": array(bias)}
                return builder.done(read), builder.spiking
            if layer.kind not in WRITERS:
                raise SpikesoundError(
                    f"{model.name}: layer {layer.name!r} of kind {layer.kind!r} cannot be "
                    f"expressed in NIR; the kind must be one of {', '.join(WRITERS)}"
                )
            if isinstance(layer.synapses, DelayedSynapses):
                raise SpikesoundError(
                    f"{model.name}: layer {layer.name!r} has learnt delays, which cannot be "
                    "expressed in NIR here"
                )
            WRITERS[layer.kind](builder, layer)
    return builder.done({}), builder.spiking


def array(x: torch.Tensor) -> Array:
    """Return a tensor as an array in double precision."""
    found: Array = np.ascontiguousarray(x.detach().double().numpy())
    return found


def effective(layer: Layer, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight (output, ...) and bias of a layer's synapses with its batch norm in them.

    They are multiplied by the gain that the layer's neuron asks for.
    """
    factor = gain(layer.neuron, layer.name)
    bias = getattr(layer.synapses, "bias", None)
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    if layer.norm is None or isinstance(layer.norm, nn.Identity):
        return factor * weight, factor * bias
    merged, shift = folded(weight, layer.norm)
    return factor * merged, factor * (shift + affine(layer.norm)[0] * bias)


def weight_of(layer: Layer) -> torch.Tensor:
    """Return the weights of a layer's synapses."""
    assert layer.synapses is not None
    weight: Any = layer.synapses.weight
    assert isinstance(weight, torch.Tensor)
    return weight


def _convolution(builder: Builder, layer: Layer) -> None:
    grid = layer.geometry
    assert isinstance(grid, Grid)
    rows, columns = builder.shape[1:]
    one, weight = grid.on(rows, columns), weight_of(layer)
    if grid.pool == "max":
        raise SpikesoundError(
            f"layer {layer.name!r}: NIR has no maximum pooling; pool must be one of average, "
            "stride, outputs"
        )
    weight, bias = effective(layer, grid.merged(weight, rows, columns))
    if weight.shape[2] != weight.shape[3]:
        raise SpikesoundError(
            f"layer {layer.name!r}: package nir reads no kernel that is not square, as where one "
            "axis has a single row left"
        )
    node = library("nir").Conv2d(
        (rows, columns), array(weight), one.stride, one.padding, (1, 1), 1, array(bias)
    )
    builder.taps(layer, {0: node}, (weight.shape[0], *one.size))


def _causal_convolution(builder: Builder, layer: Layer) -> None:
    nir, causal = library("nir"), layer.geometry
    assert isinstance(causal, Causal)
    over_bins = causal.width > 1
    if not over_bins and len(builder.shape) > 1:
        builder.flatten(layer.name)
    weight = weight_of(layer)
    weight, bias = effective(
        layer, merged_average(weight, (1, causal.pool)) if over_bins else weight
    )
    last = causal.taps - 1

    def node(tap: int) -> Any:
        part, shift = array(weight[:, :, tap]), bias if tap == last else torch.zeros_like(bias)
        if over_bins:
            bins, pool, pad = builder.shape[1], causal.pool, causal.width // 2
            return nir.Conv1d(bins, part, pool, pad, 1, 1, array(shift))
        return nir.Affine(part, array(shift)) if tap == last else nir.Linear(part)

    nodes = {(last - tap) * causal.dilation: node(tap) for tap in range(causal.taps)}
    channels, bins = causal.outputs
    builder.taps(layer, nodes, (channels, bins) if over_bins else (channels,))


def _linear(builder: Builder, layer: Layer) -> None:
    nir = library("nir")
    if not layer.reads and len(builder.shape) > 1:
        builder.flatten(layer.name)
    weight, bias = (array(part) for part in effective(layer, weight_of(layer)))
    shapes = [builder.outputs[name][1] for name in layer.reads] or [builder.shape]
    bounds = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    # What reads several layers is a node for each, whose sum the neuron takes.
    first, *others = np.split(weight, bounds, axis=1)
    nodes = [nir.Affine(first, bias), *(nir.Linear(part) for part in others)]
    builder.parts(layer, nodes, (len(weight),))


WRITERS: dict[str, Callable[[Builder, Layer], None]] = {
    "convolution": _convolution,
    "causal_convolution": _causal_convolution,
    "linear": _linear,
}
"""Adds a layer to a graph, by its kind."""
