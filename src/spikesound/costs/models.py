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

    A spiking model is event-driven. A model named in ``costs.zero_skipping``, or of graded events,
    leaves zeros out; any other conventional one carries out all operations. A quantised model has
    its own bits.
    """
    method = model.method_params
    if model.spiking:
        return Counts(layers, "events", method.trained_weight_bits, sound=sound)
    skips = method.graded or model.name in params.zero_skipping
    return Counts(
        layers,
        "zero_skipping" if skips else "dense",
        method.trained_weight_bits,
        method.trained_activation_bits,
        sound,
    )
