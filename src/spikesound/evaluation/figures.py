"""Figures of a model that do not follow from its predictions: operations, rates, training."""

from __future__ import annotations

import pandas as pd
from torch import nn

from spikesound.costs.break_even import spike_rate
from spikesound.costs.layer import LayerCounts, totals
from spikesound.costs.neuron_work import spikes
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.summary import Value
from spikesound.models.spec import Spec

FEATURES = "features"
"""Encoding of a model whose input is the features themselves."""


def model_figures(
    spec: Spec,
    network: nn.Module,
    layers: list[LayerCounts],
    folds: Folds,
    *,
    per_clip: bool = True,
) -> dict[str, Value]:
    """Return a model's figures, flat.

    Parameters
    ----------
    per_clip : whether the layers' counts are of a clip; else only rates are taken from them

    Returns
    -------
    dict
        encoding, steps, the operations of a clip (dense_operations, dense_macs, effective_macs,
        effective_acs, neuron_updates: :mod:`spikesound.costs.layer`), spike_rate (spikes per neuron
        and time step, over all layers, test clips and folds) with spike_rate_layer_1 and so on for
        a spiking model, parameters, train_s_per_epoch (median), epochs (mean), and the validation
        figures of the networks as kept (means over folds).
    """
    epochs = pd.concat(folds.histories().values())
    results = folds.results()
    figures: dict[str, Value] = {"encoding": spec.encoding or FEATURES, "steps": spec.steps}
    figures |= (totals(layers) if per_clip else {}) | spike_rates(layers)
    figures |= {
        "parameters": parameter_count(network),
        "train_s_per_epoch": round(float(epochs["seconds"].median()), 3),
        "epochs": round(len(epochs) / len(results), 1),
    }
    for name in ("validation_accuracy", "validation_map", "source_accuracy", "source_map"):
        if name in results[0]:
            figures[name] = round(sum(result[name] for result in results) / len(results), 4)
    return figures


def spike_rates(layers: list[LayerCounts]) -> dict[str, Value]:
    """Return spikes per neuron and step, over all layers and of each; nothing if none spikes."""
    spiking = [layer for layer in layers if spikes(layer)]
    if not spiking:
        return {}
    rates: dict[str, Value] = {"spike_rate": round(spike_rate(layers), 4)}
    for number, layer in enumerate(spiking, start=1):
        share = layer.active_outputs / layer.neuron_updates
        rates[f"spike_rate_layer_{number}"] = round(share, 4)
    return rates


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(value.numel() for value in network.parameters() if value.requires_grad)
