"""Nodes of a NIR graph by which a neuron resets by subtraction, taken for part of the neuron."""

from __future__ import annotations

from typing import Any

import numpy as np


def without_resets(graph: Any) -> tuple[list[tuple[str, str]], dict[str, list[str]]]:
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
