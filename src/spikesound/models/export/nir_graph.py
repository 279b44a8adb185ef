"""From the layers of a spiking network to the nodes and edges of a NIR graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.exported import library
from spikesound.models.loading import Trained
from spikesound.models.networks.causal import CausalBlock, CausalLayer
from spikesound.models.networks.cnn import CNN, Block, average_pooled, strided
from spikesound.models.networks.detector import Convolutions, Detector
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF

DT_S = 1e-4
"""The step that time constants are written for."""

Array = npt.NDArray[np.float64]
Shape = tuple[int, ...]


@dataclass
class Builder:
    """A graph that grows from its input on. ``last`` is the node that the next one hears."""

    nodes: dict[str, Any]
    shape: Shape
    last: str = "input"
    edges: list[tuple[str, str]] = field(default_factory=list)
    spiking: list[str] = field(default_factory=list)

    def add(self, name: str, node: Any, shape: Shape) -> None:
        """Put a node behind the last one."""
        self.nodes[name] = node
        self.edges.append((self.last, name))
        self.last, self.shape = name, shape

    def taps(self, name: str, nodes: dict[int, Any], neuron: nn.Module, shape: Shape) -> None:
        """Put a neuron behind the last node, which hears it so many steps ago through each node."""
        nir, source = library("nir"), self.last
        parts = {
            f"{name}_{part}": node
            for part, node in neuron_nodes(neuron, f"{name}.neuron", shape).items()
        }
        self.nodes |= parts
        self.edges += pairwise(parts)
        hears, self.last = next(iter(parts)), list(parts)[-1]
        for steps, node in sorted(nodes.items()):
            tap = f"{name}_{steps}_ago"
            self.nodes[tap] = node
            if steps:
                delay = np.full(self.shape, steps * DT_S)
                self.nodes[f"{tap}_delay"] = nir.Delay(delay=delay)
                self.edges += [(source, f"{tap}_delay"), (f"{tap}_delay", tap)]
            else:
                self.edges.append((source, tap))
            self.edges.append((tap, hears))
        self.shape = shape
        self.spiking.append(self.last)

    def done(self, metadata: dict[str, Any]) -> Any:
        """Return the graph, which ends with the last node."""
        nir = library("nir")
        self.add("output", nir.Output({"output": np.array(self.shape)}), self.shape)
        try:
            return nir.NIRGraph(self.nodes, self.edges, metadata)
        except ValueError as error:
            raise SpikesoundError(f"package nir refuses the graph: {error}") from error


def graph_of(model: Trained, shape: Shape) -> tuple[Any, list[str]]:
    """Return the graph, and the names of its spiking nodes from front to back.

    Parameters
    ----------
    model : with weights in double precision
    shape : of the input of a step, without the batch

    Raises
    ------
    SpikesoundError
        If a layer cannot be said in NIR; the message names it.
    """
    nir, network = library("nir"), model.network
    builder = Builder({"input": nir.Input({"input": np.array(shape)})}, shape)
    with torch.no_grad():
        if isinstance(network, Detector):
            _detector(builder, network)
            return builder.done({}), builder.spiking
        if isinstance(network, CNN):
            for number, block in enumerate(network.blocks):
                assert isinstance(block, Block)
                _block(builder, f"blocks_{number}", block)
            read = {
                "readout_weight": array(network.readout.weight),
                "readout_bias": array(network.readout.bias),
            }
            return builder.done(read), builder.spiking
    raise SpikesoundError(
        f"{model.name}: a network of kind {type(network).__name__!r} cannot be said in NIR"
    )


def neuron_nodes(neuron: nn.Module, name: str, shape: Shape) -> dict[str, Any]:
    """Return the nodes of a neuron, each of which hears the one before it; the last one spikes.

    The module docstring of ``export.nir`` has the equations.

    Raises
    ------
    SpikesoundError
        If NIR has no such neuron.
    """
    nir = library("nir")

    def full(value: float) -> Array:
        return np.full(shape, value)

    if isinstance(neuron, IF) and neuron.initial == 0:
        beta, threshold, reset = 1.0, neuron.threshold, "subtract"
    elif type(neuron) is LIF and neuron.rule.refractory == 0:
        beta, threshold = neuron.beta.clamp(0, 1).item(), neuron.threshold.item()
        reset = neuron.rule.reset
    else:
        raise SpikesoundError(
            f"layer {name!r}: {type(neuron).__name__} cannot be said in NIR with its parameters; "
            f"valid: LIF without a refractory period, IF from zero"
        )
    gain = full(1 / DT_S if beta == 1 else 1 / (1 - beta))  # tau / dt, tau being dt / (1 - beta)
    leak = () if beta == 1 else (full(DT_S / (1 - beta)),)
    rest = () if beta == 1 else (full(0.0),)
    if reset == "none":
        membrane = (nir.LI if leak else nir.I)(*leak, gain, *rest)
        return {"membrane": membrane, "neuron": nir.Threshold(full(threshold))}
    kind = nir.LIF if leak else nir.IF
    metadata = {"reset": reset}
    return {"neuron": kind(*leak, gain, *rest, full(threshold), full(0.0), metadata=metadata)}


def folded(weight: torch.Tensor, norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight (output, ...) and bias with the batch norm behind it in them."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return (
        weight * scale.view(-1, *[1] * (weight.dim() - 1)),
        norm.bias - scale * norm.running_mean,
    )


def array(x: torch.Tensor) -> Array:
    """Return a tensor as numpy has it, in double precision."""
    found: Array = np.ascontiguousarray(x.detach().double().numpy())
    return found


def _detector(builder: Builder, network: Detector) -> None:
    nir = library("nir")
    if not isinstance(network.memory, Convolutions):
        raise SpikesoundError(
            f"layer 'memory': {type(network.memory).__name__} cannot be said in NIR; valid: "
            f"the causal convolutions of network 'tcn'"
        )
    for number, block in enumerate(network.front):
        assert isinstance(block, CausalBlock)
        _causal_block(builder, f"front_{number}", block)
    size = int(np.prod(builder.shape))
    flatten = nir.Flatten({"input": np.array(builder.shape)}, 0, -1)
    builder.add("flatten", flatten, (size,))
    layers = []
    for number, layer in enumerate(network.memory.layers):
        assert isinstance(layer, CausalLayer)
        _causal_layer(builder, f"memory_{number}", layer)
        layers.append(builder.last)
    classes = (network.readout.out_features,)
    weight, bias = array(network.readout.weight), array(network.readout.bias)
    beta = float(network.integrator.beta.clamp(0, 1))
    if beta == 1:
        raise SpikesoundError("layer 'integrator': a decay of 1 takes nothing in")
    # The read-out hears every layer: a node for each, whose sum the integrator takes.
    parts = np.split(weight, len(layers), axis=1)
    for number, (name, part) in enumerate(zip(layers, parts, strict=True)):
        builder.nodes[f"readout_{number}"] = nir.Linear(part) if number else nir.Affine(part, bias)
        builder.edges += [(name, f"readout_{number}"), (f"readout_{number}", "integrator")]
    tau = np.full(classes, DT_S / (1 - beta))
    builder.nodes["integrator"] = nir.LI(tau, np.ones(classes), np.zeros(classes))
    builder.last, builder.shape = "integrator", classes


def _causal_block(builder: Builder, name: str, block: CausalBlock) -> None:
    nir = library("nir")
    kernel, bias = folded(block.merged(), block.norm)
    taps = {
        block.kernel - 1 - row: nir.Conv1d(
            builder.shape[1],
            array(kernel[:, :, row]),
            block.pool,
            block.kernel // 2,
            1,
            1,
            array(bias if row == block.kernel - 1 else torch.zeros_like(bias)),
        )
        for row in range(block.kernel)
    }
    builder.taps(name, taps, block.neuron, block.outputs)


def _causal_layer(builder: Builder, name: str, layer: CausalLayer) -> None:
    nir = library("nir")
    weight, bias = folded(layer.convolution.weight, layer.norm)
    count, dilation = weight.shape[2], int(layer.convolution.dilation[0])
    taps: dict[int, Any] = {
        (count - 1 - tap) * dilation: nir.Linear(array(weight[:, :, tap]))
        for tap in range(count - 1)
    }
    taps[0] = nir.Affine(array(weight[:, :, -1]), array(bias))
    builder.taps(name, taps, layer.neuron, (layer.outputs,))


def _block(builder: Builder, name: str, block: Block) -> None:
    nir = library("nir")
    rows, columns = builder.shape[1:]
    stride = (1 + (rows > 1), 1 + (columns > 1))
    weight = block.convolution.weight
    if block.pooled is average_pooled:
        high, wide = stride
        padded = functional.pad(weight, (wide - 1, wide - 1, high - 1, high - 1))
        weight = functional.avg_pool2d(padded, stride, stride=1)
    elif block.pooled is not strided:
        raise SpikesoundError(f"layer {name!r}: NIR has no maximum pooling; valid: average, stride")
    if isinstance(block.norm, nn.Identity):
        assert block.convolution.bias is not None
        bias = block.convolution.bias
    else:
        weight, bias = folded(weight, block.norm)
    if weight.shape[2] != weight.shape[3]:
        raise SpikesoundError(
            f"layer {name!r}: package nir reads no kernel that is not square, as where one axis "
            f"has a single row left"
        )
    pad = block.kernel // 2
    shape = tuple(
        (size + 2 * pad - weight.shape[2]) // step + 1
        for size, step in zip((rows, columns), stride, strict=True)
    )
    node = nir.Conv2d((rows, columns), array(weight), stride, (pad, pad), (1, 1), 1, array(bias))
    builder.taps(name, {0: node}, block.neuron, (weight.shape[0], *shape))
