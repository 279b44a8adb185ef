"""A NIR graph as a torch module that is called once per time step."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError, short
from spikesound.costs.foreign.neurons import Neuron
from spikesound.models.export.exported import library

DT_S = 1e-4
"""Length of a time step, unless the graph's metadata say it (``dt_s``)."""

LEAST_LEAK = 2.0**-30
"""Of a state, by step: files that cannot express a neuron without a leak give it a smaller one."""


class NIRNeuron(nn.Module):
    """Neurons of NIR, by Euler's steps of dt.

    .. math:: \\tau \\dot v = v_{leak} - v + R I, \\qquad \\tau_{syn} \\dot I = w_{in} S - I

    A spike where v > v_threshold, after which v is v_reset, or less by the threshold where the
    graph has a node that takes it off. Without tau v is the sum of R I dt.

    References
    ----------
    Pedersen et al. 2024, "Neuromorphic intermediate representation", table 1.
    """

    def __init__(self, node: Any, dt_s: float, subtract: bool) -> None:
        super().__init__()
        self.kind = type(node).__name__
        tau = getattr(node, "tau_mem", None)
        tau = getattr(node, "tau", None) if tau is None else tau
        self.share = None if tau is None else dt_s / torch.as_tensor(tau).double()
        self.r = torch.as_tensor(getattr(node, "r", 1.0)).double()
        self.leak = torch.as_tensor(getattr(node, "v_leak", 0.0)).double()
        threshold = getattr(node, "v_threshold", getattr(node, "threshold", None))
        self.threshold = None if threshold is None else torch.as_tensor(threshold).double()
        self.resets_to = torch.as_tensor(_default(getattr(node, "v_reset", None), 0.0)).double()
        synapse = getattr(node, "tau_syn", None)
        self.synaptic = None if synapse is None else dt_s / torch.as_tensor(synapse).double()
        self.weight = torch.as_tensor(getattr(node, "w_in", 1.0)).double()
        self.dt_s, self.subtract = dt_s, subtract
        self.counted_as = Neuron(self._unit())
        self.v: Any = 0.0
        self.i: Any = 0.0
        self.owed: Any = 0.0

    def _unit(self) -> str:
        """Return the unit that it is priced as.

        A membrane whose time constant is a step has no memory of its own: with the synapse before
        it, it is one leaky state. A state that leaks no more than :data:`LEAST_LEAK` does not leak.
        """
        plain = {"Threshold": "threshold", "IF": "integrate_and_fire", "I": "integrator"}
        if self.kind in plain:
            return plain[self.kind]
        one, two = ("li", "current_li") if self.threshold is None else ("lif", "cuba_lif")
        assert self.share is not None
        at_once = torch.allclose(self.share, torch.ones_like(self.share))
        if self.synaptic is not None and not at_once:
            return two
        leak = self.share if self.synaptic is None else self.synaptic
        if bool((leak <= LEAST_LEAK).all()):
            return "integrator" if self.threshold is None else "integrate_and_fire"
        return one

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        """Return spikes or, of a neuron without a threshold, potentials of this step."""
        x = current.double()
        if self.kind == "Threshold":
            assert self.threshold is not None
            above: torch.Tensor = (x > self.threshold).double()
            return above
        x = x - self.owed
        if self.synaptic is not None:
            self.i = self.i + self.synaptic * (self.weight * x - self.i)
            x = self.i
        if self.share is None:
            self.v = self.v + self.dt_s * self.r * x
        else:
            self.v = self.v + self.share * (self.leak - self.v + self.r * x)
        if self.threshold is None:
            return torch.as_tensor(self.v)
        spikes: torch.Tensor = (self.v > self.threshold).double()
        self.v = torch.where(spikes > 0, self.resets_to, self.v)
        if self.subtract:
            self.owed = spikes * self.threshold
        return spikes


class NIRNetwork(nn.Module):
    """The nodes of a graph, each a submodule of its name, called in the order of its edges."""

    def __init__(self, graph: Any, dt_s: float, what: str) -> None:
        super().__init__()
        edges, subtracting = _without_resets(graph, what)
        self.sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for source, target in edges:
            self.sources[target].append(source)
        gone = {name for names in subtracting.values() for name in names}
        try:
            order = TopologicalSorter(self.sources).static_order()
            self.order = [name for name in order if name not in gone]
        except CycleError as error:
            raise SpikesoundError(
                f"{what}: nodes {', '.join(error.args[1])} are a cycle; recurrent connections "
                "cannot be counted, but for those that take the threshold off after a spike"
            ) from error
        self.prefix, self.what = "steps.", what
        self.shape = _input_shape(graph)
        self.steps = nn.ModuleDict()
        for name in self.order:
            node = graph.nodes[name]
            kind = type(node).__name__
            if kind not in MAKERS:
                raise SpikesoundError(
                    f"{what}: node {name!r} of class nir.{kind} cannot be counted; counted of "
                    f"nir: {', '.join(sorted(MAKERS))}"
                )
            made = (
                NIRNeuron(node, dt_s, name in subtracting) if kind in CELLS else MAKERS[kind](node)
            )
            self.steps[_key(name)] = made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output node's values of one step (batch, ...)."""
        if self.shape is not None and tuple(x.shape[1:]) != self.shape:
            raise SpikesoundError(
                f"{self.what}: expected a sample of axes (time, batch, "
                f"{', '.join(map(str, self.shape))}), got {tuple(x.shape[1:])} behind the batch"
            )
        values: dict[str, torch.Tensor] = {}
        x = x.double()
        for name in self.order:
            given = [values[source] for source in self.sources[name]] or [x]
            total = given[0]
            for other in given[1:]:
                total = total + other
            values[name] = self.steps[_key(name)](total)
        last: torch.Tensor = values[self.order[-1]]
        return last


def _input_shape(graph: Any) -> tuple[int, ...] | None:
    """Return the shape of the graph's only input, or None if there are several or it is unsaid."""
    inputs = [node for node in graph.nodes.values() if type(node).__name__ == "Input"]
    shapes = [value for node in inputs for value in node.input_type.values() if value is not None]
    return tuple(int(size) for size in shapes[0]) if len(shapes) == 1 else None


def _key(name: str) -> str:
    return name.replace(".", ":")


def _default(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _without_resets(graph: Any, what: str) -> tuple[list[tuple[str, str]], dict[str, list[str]]]:
    """Return the edges without nodes that take the threshold off a neuron that spiked.

    They are a way from the neuron to itself through maps without a bias, whose product is minus
    the threshold times the identity; with it, the neuron is one that resets by subtraction.
    """
    edges = list(dict.fromkeys(map(tuple, graph.edges)))
    targets: dict[str, list[str]] = {name: [] for name in graph.nodes}
    into: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in edges:
        targets[source].append(target)
        into[target].append(source)
    found: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        if getattr(node, "v_threshold", None) is None:
            continue
        for first in targets[name]:
            path = [first]
            while len(targets[path[-1]]) == 1 and len(path) < 4 and targets[path[-1]] != [name]:
                path.append(targets[path[-1]][0])
            alone = all(len(into[each]) == 1 for each in path)
            if alone and targets[path[-1]] == [name] and _takes_off(graph, path, node):
                found[name] = path
    gone = {each for path in found.values() for each in path}
    return [(a, b) for a, b in edges if a not in gone and b not in gone], found


def _takes_off(graph: Any, path: list[str], neuron: Any) -> bool:
    """Return whether the maps of a path are minus the neuron's threshold times the identity."""
    product: Any = 1.0
    for name in path:
        node = graph.nodes[name]
        weight = getattr(node, "weight", None)
        if weight is None or np.any(getattr(node, "bias", 0.0)):
            return False
        matrix = np.asarray(weight).reshape(len(weight), -1)
        if matrix.shape[0] != matrix.shape[1]:
            return False
        product = matrix @ product if isinstance(product, np.ndarray) else matrix
    threshold = np.unique(neuron.v_threshold)
    return len(threshold) == 1 and np.allclose(product, -threshold[0] * np.eye(len(product)))


def _linear(node: Any) -> nn.Module:
    weight = torch.as_tensor(np.asarray(node.weight)).double()
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=hasattr(node, "bias")).double()
    return _filled(made, weight, getattr(node, "bias", None))


def _convolution(node: Any) -> nn.Module:
    weight = torch.as_tensor(np.asarray(node.weight)).double()
    one = weight.dim() == 3
    axes = 1 if one else 2
    stride, padding, dilation = (
        part if isinstance(part, str) else tuple(np.broadcast_to(part, axes).tolist())
        for part in (node.stride, node.padding, node.dilation)
    )
    groups = int(node.groups)
    make: Any = nn.Conv1d if one else nn.Conv2d
    made: nn.Module = make(
        weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]), stride, padding,
        dilation, groups,
    ).double()  # fmt: skip
    return _filled(made, weight, node.bias)


def _filled(module: nn.Module, weight: torch.Tensor, bias: Any) -> nn.Module:
    parameters: Any = module
    with torch.no_grad():
        parameters.weight.copy_(weight)
        if bias is not None:
            parameters.bias.copy_(torch.as_tensor(np.asarray(bias)))
    return module


def _pool(node: Any) -> nn.Module:
    kernel, stride, padding = (
        tuple(np.broadcast_to(part, 2).tolist())
        for part in (node.kernel_size, node.stride, node.padding)
    )
    divisor = 1 if type(node).__name__ == "SumPool2d" else None
    return nn.AvgPool2d(kernel, stride, padding, divisor_override=divisor)


def _flatten(node: Any) -> nn.Module:
    first, last = int(node.start_dim), int(node.end_dim)
    return nn.Flatten(first + 1 if first >= 0 else first, last + 1 if last >= 0 else last)


class _Scale(nn.Module):
    def __init__(self, node: Any) -> None:
        super().__init__()
        self.scale = torch.as_tensor(np.asarray(node.scale)).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


CELLS = ("LIF", "IF", "CubaLIF", "LI", "CubaLI", "I", "Threshold")

MAKERS: dict[str, Callable[[Any], nn.Module]] = {
    "Input": lambda node: nn.Identity(),
    "Output": lambda node: nn.Identity(),
    "Linear": _linear,
    "Affine": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "AvgPool2d": _pool,
    "SumPool2d": _pool,
    "Flatten": _flatten,
    "Scale": _Scale,
    **dict.fromkeys(CELLS, lambda node: nn.Identity()),
}
"""Modules of the classes of nodes that can be counted; those of CELLS are :class:`NIRNeuron`."""


def read_nir(path: Path, dt_s: float | None = None) -> NIRNetwork:
    """Return the network of a NIR file.

    Parameters
    ----------
    dt_s : length of a time step; None: as the metadata say, else 0.1 ms

    Raises
    ------
    SpikesoundError
        If package nir is missing, the file cannot be read, or a node cannot be counted.
    """
    nir = library("nir")
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    try:
        graph = nir.read(path)
    except Exception as error:  # h5py and nir raise of many kinds for a damaged file
        reason = short(" ".join(str(error).split()))
        raise SpikesoundError(f"{path}: not a NIR file: {reason}") from error
    known = getattr(graph, "metadata", None) or {}
    step = dt_s if dt_s is not None else float(known.get("dt_s", DT_S))
    if not step > 0:
        raise SpikesoundError(f"{path}: dt must be above 0 s, got {step:g}")
    return NIRNetwork(graph, step, path.name)
