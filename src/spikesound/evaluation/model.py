"""All folds of one model: its predictions, and the figures that do not follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from spikesound.core.json_files import read_mapping
from spikesound.core.progress import track
from spikesound.costs.break_even import spike_rate
from spikesound.costs.counting import Counted
from spikesound.costs.layer import LayerCounts, totals
from spikesound.costs.neuron_work import spikes
from spikesound.evaluation.folds import held_out
from spikesound.evaluation.predict import parameter_count, run_fold
from spikesound.evaluation.summary import Value
from spikesound.training.data import Clips


@dataclass(frozen=True)
class Evaluated:
    """What :func:`evaluate_model` finds.

    Attributes
    ----------
    predictions : the PREDICTIONS table
    extras : figures of the model, flat
    histories : for each fold the table of epochs
    layers : what each layer does for a clip, means over all test clips
    """

    predictions: pd.DataFrame
    extras: dict[str, Value]
    histories: dict[str, pd.DataFrame]
    layers: list[LayerCounts]


def evaluate_model(
    folders: dict[str, Path],
    load_clips: Callable[[str], Clips],
    classes: Sequence[str],
    batch_clips: int,
) -> Evaluated:
    """Test each fold's network on the clips it was not trained on.

    Parameters
    ----------
    folders : for each held-out fold the folder of its trained network
    load_clips : returns the inputs of all clips, prepared for a held-out fold
    classes : label ids in class order

    Returns
    -------
    Evaluated
        Its extras are encoding, steps, the operations of a clip (dense_operations, dense_macs,
        effective_macs, effective_acs, neuron_updates: :mod:`spikesound.costs.layer`), spike_rate
        (spikes per neuron and time step, over all layers, test clips and folds) with
        spike_rate_layer_1 and so on for a spiking model, parameters, train_s_per_epoch (median),
        epochs (mean), validation_accuracy (of the networks as kept, mean), source_accuracy (the
        same of the twins that were converted).

    Raises
    ------
    SpikesoundError
        If a model was trained on other classes or holds out another fold, or a fold has no clips.
    """
    predictions: list[pd.DataFrame] = []
    histories: dict[str, pd.DataFrame] = {}
    kept: list[dict[str, float]] = []
    counted = Counted()
    network: nn.Module | None = None
    for fold, folder in track(folders.items(), total=len(folders), what="evaluate", unit="fold"):
        spec, network, clips = held_out(fold, folder, load_clips, classes)
        predictions.append(
            run_fold(network, clips, list(classes), batch_clips, spec=spec, counted=counted)
        )
        histories[fold] = pd.read_csv(folder / "history.csv")
        kept.append(read_mapping(folder / "result.json"))
    assert network is not None
    layers = counted.layers
    epochs = pd.concat(histories.values())
    extras: dict[str, Value] = {"encoding": spec.encoding, "steps": spec.steps}
    extras |= totals(layers) | _spike_rates(layers)
    extras |= {
        "parameters": parameter_count(network),
        "train_s_per_epoch": round(float(epochs["seconds"].median()), 3),
        "epochs": round(len(epochs) / len(histories), 1),
    }
    for name in ("validation_accuracy", "source_accuracy"):
        if name in kept[0]:
            extras[name] = round(sum(result[name] for result in kept) / len(kept), 4)
    return Evaluated(pd.concat(predictions, ignore_index=True), extras, histories, layers)


def _spike_rates(layers: list[LayerCounts]) -> dict[str, Value]:
    spiking = [layer for layer in layers if spikes(layer)]
    if not spiking:
        return {}
    rates: dict[str, Value] = {"spike_rate": round(spike_rate(layers), 4)}
    for number, layer in enumerate(spiking, start=1):
        share = layer.active_outputs / layer.neuron_updates
        rates[f"spike_rate_layer_{number}"] = round(share, 4)
    return rates
