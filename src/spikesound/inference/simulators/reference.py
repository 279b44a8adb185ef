"""What a simulator's spikes are compared with: the network's own, and potentials by definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spikesound.inference.simulators.populations import Floats, Graph, Spikes, spiking_layers
from spikesound.models.export.plain import plain_loops
from spikesound.models.layers import inputs_of, recorded
from spikesound.models.loading import TrainedModel


@dataclass(frozen=True)
class Reference:
    """A network's own run of one input, from rest.

    Attributes
    ----------
    currents : of the first layer's neurons (step, neuron)
    spikes : of each layer (step, neuron), by name
    """

    currents: Floats
    spikes: dict[str, Spikes]

    @property
    def steps(self) -> int:
        """Number of time steps."""
        return len(self.currents)


def reference(model: TrainedModel, given: torch.Tensor) -> Reference:
    """Run the network itself on one input, in double precision.

    Parameters
    ----------
    given : the network's input, one clip: (step or 1, 1, frame, bin), of a detector (frame, 1, bin)
    """
    network = plain_loops(model, torch.float64).network
    layers = spiking_layers(network, model.name)
    neuron = layers[0].neuron
    assert neuron is not None
    with inputs_of(neuron) as currents, recorded(network) as outputs, torch.no_grad():
        network(given.double())
    spikes = {
        layer.name: each.flatten(1).numpy() > 0 for layer, each in zip(layers, outputs, strict=True)
    }
    return Reference(currents[0].flatten(1).numpy(), spikes)


def differences(expected: Reference, found: dict[str, Spikes]) -> dict[str, int]:
    """Return how many spikes of each layer are in only one of two runs."""
    return {name: int((spikes != found[name]).sum()) for name, spikes in expected.spikes.items()}


def potentials(graph: Graph, given: Reference) -> dict[str, Floats]:
    """Return the potentials of a graph (step, neuron) by its definition, step by step."""
    found: dict[str, Floats] = {}
    spikes: dict[str, Spikes] = {}
    into = {each.target: each for each in graph.projections}
    for each in graph.populations:
        currents = np.tile(each.bias, (given.steps, 1))
        if each.name in into:
            lists = into[each.name]
            before = spikes[lists.source]
            for step in range(given.steps):
                at = step - lists.delay
                active = (at >= 0) & before[np.maximum(at, 0), lists.before]
                np.add.at(currents[step], lists.after[active], lists.weight[active])
        else:
            currents = given.currents
        u, fired = np.zeros(each.size), np.zeros(each.size, bool)
        own = np.zeros((given.steps, each.size))
        for step in range(given.steps):
            kept = np.where(fired, 0.0, u) if each.reset == "zero" else u
            u = each.beta * kept + currents[step]
            if each.reset == "subtract":
                u = u - each.threshold * fired
            own[step], fired = u, u > each.threshold
        found[each.name], spikes[each.name] = own, own > each.threshold
    return found


def margin(graph: Graph, given: Reference, found: dict[str, Spikes]) -> float:
    """Return how far at most potentials whose spikes differ in a run are from their threshold."""
    ours = potentials(graph, given)
    far = [
        np.abs(ours[each.name] - each.threshold)[given.spikes[each.name] != found[each.name]]
        for each in graph.populations
    ]
    return max((float(each.max()) for each in far if each.size), default=0.0)
