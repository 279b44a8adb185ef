"""A NIR graph run step by step, by NIR's equations: the other side of an export's check.

It knows the nodes that exports write. What closes a cycle arrives one step later.
"""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from spikesound.core.errors import choose

Array = npt.NDArray[np.float64]
Step = Callable[[Array], Array]
"""Takes a node's input of a step and returns its output; between calls it keeps its state."""


def run(graph: Any, inputs: Array, dt_s: float) -> dict[str, Array]:
    """Return the output (step, ...) of every node of a graph, from rest.

    Parameters
    ----------
    graph : ``nir.NIRGraph`` with nodes ``input`` and ``output``
    inputs : (step, ...), of the shape of the input node
    dt_s : of Euler's steps, in seconds

    Raises
    ------
    SpikesoundError
        If a node is of a kind that is not known.
    """
    closing = _closing(graph)
    sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in set(graph.edges):
        sources[target].append(source)
    order = TopologicalSorter(
        {name: {each for each in sources[name] if (each, name) not in closing} for name in sources}
    ).static_order()
    steps = {
        name: choose(NODES, type(graph.nodes[name]).__name__, "NIR node")(graph.nodes[name], dt_s)
        for name in order
    }
    values: dict[str, list[Array]] = {name: [] for name in steps}
    for number, given in enumerate(np.asarray(inputs, np.float64)):
        for name, step in steps.items():
            x = [given] if name == "input" else []
            for source in sources[name]:
                back = number - ((source, name) in closing)
                x += values[source][back : back + 1] if back >= 0 else []
            values[name].append(step(np.sum(x, axis=0)))
    return {name: np.stack(found) for name, found in values.items()}


def _closing(graph: Any) -> set[tuple[str, str]]:
    """Return the edges that close a cycle, on a walk from the input."""
    targets: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        targets[source].append(target)
    closing: set[tuple[str, str]] = set()
    done: set[str] = set()

    def walk(name: str, before: frozenset[str]) -> None:
        for target in targets[name]:
            if target in before or target == name:
                closing.add((name, target))
            elif target not in done:
                walk(target, before | {name})
        done.add(name)

    walk("input", frozenset())
    return closing


def _same(node: Any, dt_s: float) -> Step:
    return lambda x: x


def _affine(node: Any, dt_s: float) -> Step:
    return lambda x: x @ node.weight.T + getattr(node, "bias", 0.0)


def _convolution(node: Any, dt_s: float) -> Step:
    convolve: Any = functional.conv1d if node.weight.ndim == 3 else functional.conv2d
    weight, bias = torch.from_numpy(node.weight), torch.from_numpy(node.bias)
    stride, padding, dilation = (
        tuple(np.atleast_1d(part).tolist()) for part in (node.stride, node.padding, node.dilation)
    )
    rest = weight, bias, stride, padding, dilation, int(node.groups)

    def step(x: Array) -> Array:
        out: Array = convolve(torch.from_numpy(x)[None], *rest)[0].numpy()
        return out

    return step


def _scaled(node: Any, dt_s: float) -> Step:
    return lambda x: node.scale * x


def _flatten(node: Any, dt_s: float) -> Step:
    return lambda x: x.reshape(-1)


def _delay(node: Any, dt_s: float) -> Step:
    steps = round(float(node.delay.flat[0]) / dt_s)
    held: list[Array] = []

    def step(x: Array) -> Array:
        held.append(x)
        return held.pop(0) if len(held) > steps else np.zeros_like(x)

    return step


class _Cell:
    """``tau dv/dt = v_leak - v + R I`` by Euler; at the threshold a spike, and ``v_reset``."""

    def __init__(self, node: Any, dt_s: float) -> None:
        self.share = dt_s / (node.tau_mem if hasattr(node, "tau_mem") else node.tau)
        self.r, self.leak = node.r, node.v_leak
        self.v: Array = np.zeros_like(node.r)
        self.threshold = getattr(node, "v_threshold", None)
        self.reset: Any = getattr(node, "v_reset", None)

    def __call__(self, current: Array) -> Array:
        self.v = self.v + self.share * (self.leak - self.v + self.r * current)
        if self.threshold is None:
            return self.v
        spikes = self.v > self.threshold
        self.v = np.where(spikes, self.reset, self.v)
        out: Array = spikes.astype(np.float64)
        return out


class _CubaCell(_Cell):
    """A cell behind a synapse: ``tau_syn dI/dt = w_in S - I``, whose new value it gets."""

    def __init__(self, node: Any, dt_s: float) -> None:
        super().__init__(node, dt_s)
        self.synapse, self.weight = np.zeros_like(node.tau_syn), node.w_in
        self.synaptic_share = dt_s / node.tau_syn

    def __call__(self, current: Array) -> Array:
        change = self.synaptic_share * (self.weight * current - self.synapse)
        self.synapse = self.synapse + change
        return super().__call__(self.synapse)


NODES: dict[str, Callable[[Any, float], Step]] = {
    "Input": _same,
    "Output": _same,
    "Affine": _affine,
    "Linear": _affine,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "Scale": _scaled,
    "Flatten": _flatten,
    "Delay": _delay,
    "LI": _Cell,
    "LIF": _Cell,
    "CubaLIF": _CubaCell,
}
