"""Context of a layer in its network, for counting."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.costs.layer import Operation, Source
from spikesound.models.layers import Layer


@dataclass(frozen=True)
class Context:
    """Entry of a layer in the counts.

    Attributes
    ----------
    source, operation, neuron : as in :class:`spikesound.costs.layer.LayerCounts`
    numbers : whether its inputs are numbers of spikes, each of which is an operation of a synapse
    substeps : of each frame, in which the spikes of such inputs come one by one
    """

    source: Source
    operation: Operation
    neuron: str
    numbers: bool = False
    substeps: int = 1


def context_of(layer: Layer, first: Operation, neuron: str) -> Context:
    """Return a layer's context: it multiplies values, and accumulates for spikes.

    Parameters
    ----------
    first : operation of a synapse that reads the network's input
    neuron : kind of the network's neurons
    """
    kind = layer.units or ("none" if layer.neuron is None else neuron)
    if layer.source == "input":
        return Context("sound" if first == "mac" else "spikes", first, kind)
    if layer.source == "values":
        return Context("sound", "mac", kind)
    if layer.source == "spike_numbers":
        return Context("spikes", "ac", kind, numbers=True, substeps=layer.substeps)
    return Context(layer.source, "ac" if layer.source == "spikes" else "mac", kind)
