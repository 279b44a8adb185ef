"""All folds of one model: its predictions, and the figures that do not follow from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from torch import nn

from spikesound.errors import SpikesoundError
from spikesound.evaluation.predict import Tested, parameter_count, run_fold
from spikesound.evaluation.summary import Value
from spikesound.networks import model_file
from spikesound.progress import track
from spikesound.training.data import Clips


def evaluate_model(
    folders: dict[str, Path],
    load_clips: Callable[[str], Clips],
    classes: Sequence[str],
    batch_clips: int,
) -> tuple[pd.DataFrame, dict[str, Value], dict[str, pd.DataFrame]]:
    """Test each fold's network on the clips it was not trained on.

    Parameters
    ----------
    folders : for each held-out fold the folder of its trained network
    load_clips : returns the inputs of all clips, prepared for a held-out fold
    classes : label ids in class order

    Returns
    -------
    predictions, extras, histories
        The PREDICTIONS table; encoding, steps, spike_rate (spikes per neuron and time step, over
        all layers, test clips and folds) with spike_rate_layer_1 and so on for a spiking model,
        parameters, train_s_per_epoch (median), epochs (mean), validation_accuracy (of the
        networks as kept, mean), source_accuracy (the same of the twins that were converted); the
        history of each fold.

    Raises
    ------
    SpikesoundError
        If a model was trained on other classes or holds out another fold, or a fold has no clips.
    """
    tested: list[Tested] = []
    histories: dict[str, pd.DataFrame] = {}
    kept: list[dict[str, float]] = []
    network: nn.Module | None = None
    for fold, folder in track(folders.items(), total=len(folders), what="evaluate", unit="fold"):
        spec, network = model_file.load(folder)
        if spec.classes != list(classes):
            raise SpikesoundError(f"{folder}: trained on other classes; run dvc repro")
        if spec.fold != fold:
            raise SpikesoundError(f"{folder}: holds out fold {spec.fold!r}, not {fold!r}")
        clips = load_clips(fold).only(fold)
        if not len(clips):
            raise SpikesoundError(f"folds: fold {fold!r} has no clips")
        tested.append(run_fold(network, clips, list(classes), batch_clips))
        history = pd.read_csv(folder / "history.csv")
        kept.append(json.loads((folder / "result.json").read_text(encoding="utf-8")))
        histories[fold] = history
    assert network is not None
    epochs = pd.concat(histories.values())
    extras: dict[str, Value] = {"encoding": spec.encoding, "steps": spec.steps}
    extras |= _spike_rates(tested)
    extras |= {
        "parameters": parameter_count(network),
        "train_s_per_epoch": round(float(epochs["seconds"].median()), 3),
        "epochs": round(len(epochs) / len(histories), 1),
    }
    for name in ("validation_accuracy", "source_accuracy"):
        if name in kept[0]:
            extras[name] = round(sum(result[name] for result in kept) / len(kept), 4)
    return pd.concat([part.predictions for part in tested], ignore_index=True), extras, histories


def _spike_rates(tested: list[Tested]) -> dict[str, Value]:
    spikes = [sum(layer) for layer in zip(*(part.spikes for part in tested), strict=True)]
    chances = [sum(layer) for layer in zip(*(part.neuron_steps for part in tested), strict=True)]
    if not spikes:
        return {}
    rates: dict[str, Value] = {"spike_rate": round(sum(spikes) / sum(chances), 4)}
    for number, (count, chance) in enumerate(zip(spikes, chances, strict=True), start=1):
        rates[f"spike_rate_layer_{number}"] = round(count / chance, 4)
    return rates
