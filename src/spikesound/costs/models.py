"""Execution of each model of the table."""

from __future__ import annotations

from spikesound.costs.front_end import SoundInput
from spikesound.costs.layer import LayerCounts
from spikesound.costs.tables import Counts
from spikesound.params import CostParams, Model


def counts_of(
    model: Model, layers: list[LayerCounts], params: CostParams, sound: SoundInput | None = None
) -> Counts:
    """Return a model's counts with its execution.

    A spiking model is event-driven. A model named in ``costs.zero_skipping`` leaves zeros out; any
    other conventional one carries out all operations. A quantised model has its own bits.
    """
    if model.spiking:
        return Counts(layers, "events", sound=sound)
    return Counts(
        layers,
        "zero_skipping" if model.name in params.zero_skipping else "dense",
        model.method_params.trained_weight_bits,
        model.method_params.trained_activation_bits,
        sound,
    )
