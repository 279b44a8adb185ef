"""Operations of a neuron's update: multiply-accumulates and additions."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.core.errors import choose
from spikesound.costs.layer import LayerCounts
from spikesound.params import NEURON_PARAMS, NeuronParams, Update


@dataclass(frozen=True)
class Unit:
    """Target of a layer's sums that is no neuron of the registry."""

    spikes: bool
    update: Update


UNITS: dict[str, Unit] = {
    "none": Unit(spikes=False, update=Update(0, 0, 0, 0)),
    "li": Unit(spikes=False, update=Update(1, 0, 0, 1)),  # a membrane that is read
    "winner": Unit(spikes=True, update=Update(0, 1, 0, 0)),
    # The outputs of LSTM, GRU and RNN go out and come back as the layer's output and input.
    "lstm": Unit(spikes=False, update=Update(8, 1, 0, 1)),  # five functions, three products; a sum
    "gru": Unit(spikes=False, update=Update(6, 2, 0, 0)),  # three functions and products; two sums
    "rnn": Unit(spikes=False, update=Update(1, 1, 0, 0)),
}
"""Beside the neurons of :data:`spikesound.params.NEURON_PARAMS`, whose classes have their facts."""


def unit_of(layer: LayerCounts) -> type[NeuronParams] | Unit:
    """Return the facts of a layer's neurons.

    Raises
    ------
    SpikesoundError
        If the neuron is not known.
    """
    known: dict[str, type[NeuronParams] | Unit] = {**NEURON_PARAMS, **UNITS}
    return choose(known, layer.neuron, "neuron to price")


def spikes(layer: LayerCounts) -> bool:
    """Return whether a layer's outputs are spikes."""
    return unit_of(layer).spikes


def neuron_work(layer: LayerCounts) -> tuple[float, float]:
    """Return the multiply-accumulates and additions of a layer's neurons for a clip.

    Raises
    ------
    SpikesoundError
        If the neuron is not known.
    """
    macs, additions, a_spike, _ = unit_of(layer).update
    fired = layer.active_outputs if a_spike else 0.0
    return macs * layer.neuron_updates, additions * layer.neuron_updates + a_spike * fired


def states(layer: LayerCounts) -> int:
    """Return how many values each neuron of the layer keeps between steps."""
    return unit_of(layer).update.states
