"""How each model of a run is executed, by its name and its parameters."""

from __future__ import annotations

from spikesound.costs.layer import LayerCounts
from spikesound.costs.tables import Counts
from spikesound.params import Params


def counts_of(model: str, layers: list[LayerCounts], params: Params) -> Counts:
    """Return a model's counts with the way it is run.

    A spiking model is event-driven. A variant named in ``costs.zero_skipping`` leaves zeros out;
    any other conventional model carries out all operations. A variant has its own bits.
    """
    if model.startswith("snn-"):
        return Counts(layers, "events")
    for name in params.models.variants:
        if model in {f"ann-{network}-{name}" for network in params.models.snn}:
            variant = params.variants[name]
            skipping = name in params.costs.zero_skipping
            return Counts(
                layers,
                "zero_skipping" if skipping else "dense",
                variant.weight_bits,
                variant.activation_bits,
            )
    return Counts(layers, "dense")


def pairs_of(params: Params) -> list[tuple[str, str]]:
    """Return each spiking model of the twin's shape with the twin and its variants."""
    found = []
    for network in params.models.snn:
        own = [f"ann-{network}"] if network in params.models.ann else []
        own += [f"ann-{network}-{name}" for name in params.models.variants]
        for method in params.models.methods:
            if method in ("stdp", "memristor", "som"):
                continue  # these make a network of their own
            found += [(f"snn-{network}-{method}", other) for other in own]
    return found
