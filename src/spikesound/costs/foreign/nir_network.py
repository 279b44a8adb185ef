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
from spikesound.costs.foreign.nir_neuron import NIRNeuron
from spikesound.costs.foreign.nir_resets import without_resets
from spikesound.models.export.exported import library

DT_S = 1e-4
"""Length of a time step, unless the graph's metadata say it (``dt_s``)."""


class NIRNetwork(nn.Module):
    """The nodes of a graph, each a submodule of its name, called in the order of its edges."""

    def __init__(self, graph: Any, dt_s: float, what: str) -> None:
        super().__init__()
        edges, subtracting = without_resets(graph)
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
