"""How each model of the table is executed, by its facts."""

from __future__ import annotations

from spikesound.costs.layer import LayerCounts
from spikesound.costs.tables import Counts
from spikesound.params import CostParams, Model


def counts_of(model: Model, layers: list[LayerCounts], costs: CostParams) -> Counts:
    """Return a model's counts with the way it is run.

    A spiking model is event-driven. A conventional one named in ``costs.zero_skipping`` leaves
    zeros out; any other carries out all operations. A quantised model has its own bits.
    """
    method = model.method_params
    if model.spiking:
        return Counts(layers, "events")
    return Counts(
        layers,
        "zero_skipping" if model.name in costs.zero_skipping else "dense",
        getattr(method, "weight_bits", None),
        getattr(method, "activation_bits", None) or model.neuron_params.activation_bits,
    )
