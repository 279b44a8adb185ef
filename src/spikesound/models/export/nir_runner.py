"""A NIR graph run step by step, by NIR's equations: the other side of an export's check.

It knows the nodes that exports write, in graphs without cycles, and obeys the metadata ``reset``.
"""

from __future__ import annotations

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from spikesound.core.errors import SpikesoundError, choose

Array = npt.NDArray[np.float64]


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
        If a node is of a kind that is not known, or the graph has a cycle.
    """
    sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        sources[target].append(source)
    try:
        order = list(TopologicalSorter(sources).static_order())
    except CycleError as error:
        raise SpikesoundError(f"the NIR graph has a cycle: {error.args[1]}") from error
    values: dict[str, Array] = {}
    for name in order:
        node = graph.nodes[name]
        parts = [values[source] for source in sources[name]]
        x = np.sum(parts, axis=0) if parts else np.asarray(inputs, np.float64)
        values[name] = choose(NODES, type(node).__name__, "NIR node")(node, x, dt_s)
    return values


def _same(node: Any, x: Array, dt_s: float) -> Array:
    return x


def _affine(node: Any, x: Array, dt_s: float) -> Array:
    out: Array = x @ node.weight.T + getattr(node, "bias", 0.0)
    return out


def _convolution(node: Any, x: Array, dt_s: float) -> Array:
    convolve: Any = functional.conv1d if node.weight.ndim == 3 else functional.conv2d
    weight, bias = torch.from_numpy(node.weight), torch.from_numpy(node.bias)
    stride, padding, dilation = (
        tuple(np.atleast_1d(part).tolist()) for part in (node.stride, node.padding, node.dilation)
    )
    found = convolve(torch.from_numpy(x), weight, bias, stride, padding, dilation, int(node.groups))
    out: Array = found.numpy()
    return out


def _flatten(node: Any, x: Array, dt_s: float) -> Array:
    return x.reshape(len(x), -1)


def _delay(node: Any, x: Array, dt_s: float) -> Array:
    steps = round(float(node.delay.flat[0]) / dt_s)
    out = np.zeros_like(x)
    out[steps:] = x[: len(x) - steps]
    return out


def _integrated(node: Any, x: Array, dt_s: float) -> Array:
    """Run ``dv/dt = R I`` by Euler."""
    out: Array = np.cumsum(dt_s * node.r * x, axis=0)
    return out


def _threshold(node: Any, x: Array, dt_s: float) -> Array:
    out: Array = (x > node.threshold).astype(np.float64)
    return out


def _leaky(node: Any, x: Array, dt_s: float) -> Array:
    """Run ``tau dv/dt = v_leak - v + R I`` by Euler, without a threshold."""
    share = dt_s / node.tau
    v, out = np.zeros_like(x[0]), np.empty_like(x)
    for step, current in enumerate(x):
        v = v + share * (node.v_leak - v + node.r * current)
        out[step] = v
    return out


def _spiking(node: Any, x: Array, dt_s: float) -> Array:
    """Run LIF or IF by Euler; after a spike the reset that the metadata name."""
    reset = node.metadata.get("reset", b"v_reset")
    reset = reset.decode() if isinstance(reset, bytes) else reset
    tau, leak = getattr(node, "tau", None), getattr(node, "v_leak", 0.0)
    v, spikes, out = np.zeros_like(x[0]), np.zeros_like(x[0]), np.empty_like(x)
    for step, current in enumerate(x):
        if reset == "v_reset":
            v = np.where(spikes > 0, node.v_reset, v)
        elif reset == "zero":
            v = v * (1 - spikes)
        drive = node.r * current
        v = v + (dt_s * drive if tau is None else dt_s / tau * (leak - v + drive))
        if reset == "subtract":
            v = v - node.v_threshold * spikes
        spikes = (v > node.v_threshold).astype(np.float64)
        out[step] = spikes
    return out


NODES: dict[str, Callable[[Any, Array, float], Array]] = {
    "Input": _same,
    "Output": _same,
    "Affine": _affine,
    "Linear": _affine,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "Flatten": _flatten,
    "Delay": _delay,
    "I": _integrated,
    "LI": _leaky,
    "Threshold": _threshold,
    "LIF": _spiking,
    "IF": _spiking,
}
