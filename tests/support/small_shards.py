"""Small shards of toy clips on disk, and requests to train on them, for both tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import toy_clips

from spikesound.core import schema
from spikesound.core.json_files import write_json
from spikesound.features import normalisation
from spikesound.features.shards import Shards, write_shards
from spikesound.features.spike_shards import encode_shards
from spikesound.params import ClassificationParams, DetectionParams, Model, Params
from spikesound.training.dataset import Dataset
from spikesound.training.request import FoldRequest

FOLDS = ("1", "2", "3", "4")
NAMES = {"/m/1": "One", "/m/2": "Two"}
SMALL: dict[str, dict[str, Any]] = {
    "classification": {"channels": [4, 8]},
    "detection": {"channels": [4, 4], "pools": [2, 2], "hidden": 6, "dilations": [1, 2], "taps": 2},
}


def write_features(folder: Path, params: Params, clips: Dataset | None = None) -> Path:
    """Write features as the features stage does, in the range from 0 to 1 already."""
    clips = clips or toy_clips.toy()
    labels = [
        [label for label, has in zip(NAMES, row, strict=True) if has] for row in clips.present
    ]
    rows = pd.DataFrame(
        {
            "clip_id": clips.ids,
            "fold": clips.folds,
            "media_id": clips.groups,
            "recording": clips.groups,
            "labels": labels,
        }
    )
    write_shards(folder, rows, clips.inputs[:, 0].astype(np.float16), 20)
    ranges = {"low": [0.0] * clips.bins, "high": [1.0] * clips.bins}
    normalisation.save(
        dict.fromkeys(sorted(set(clips.folds)), ranges), folder / "normalisation.json"
    )
    hop_s = params.features.hop / params.features.rate_hz
    features = params.features.model_copy(
        update={"mels": clips.bins, "mfccs": 10, "clip_s": hop_s * clips.inputs.shape[2]}
    )
    write_json(folder / "spec.json", {"params": features.model_dump()})
    return folder


def write_spikes(features: Path, params: Params, encoding: str = "rate_deterministic") -> Path:
    """Write the encoded clips of each held-out fold, and return the folder of the folds."""
    out = features.with_name("spikes")
    shards = Shards(features)
    for fold in normalisation_folds(features):
        encode_shards(
            shards,
            fold,
            encoding=params.encodings.kind(encoding),
            params=params.encodings[encoding],
            seed=params.seed,
            out=out / f"fold-{fold}",
        )
    return out


def normalisation_folds(features: Path) -> list[str]:
    """Return the folds of the clips."""
    return sorted(set(Shards(features).index["fold"]))


def write_events(features: Path, params: Params, *, first: int = 3, end: int = 9) -> Path:
    """Write strong labels: each clip's labels sound from one frame until before another."""
    hop_s = params.features.hop / params.features.rate_hz
    rows = [
        (clip, label, first * hop_s, end * hop_s)
        for clip, labels in Shards(features).index[["clip_id", "labels"]].itertuples(index=False)
        for label in labels
    ]
    path = features.with_name("events.parquet")
    schema.write_table(pd.DataFrame(rows, columns=schema.EVENTS.names), schema.EVENTS, path)
    return path


def small(params: Params, name: str, *, epochs: int = 2, **recipe: Any) -> Model:
    """Return a row of the table of models with a small network and few epochs."""
    model = params.model(name)
    values = model.network_params.model_dump() | {
        key: value
        for key, value in SMALL[model.task].items()
        if key in type(model.network_params).model_fields
    }
    return replace(
        model,
        network_params=type(model.network_params).model_validate(values),
        recipe=toy_clips.recipe(params, epochs=epochs, **recipe),
    )


def section(params: Params, task: str, **changes: Any) -> ClassificationParams | DetectionParams:
    """Return a task's parameters, with enough clips for validation."""
    whole = params.task_params(task)
    base = {"validation_share": 0.25} if task == "classification" else {}
    return type(whole).model_validate(whole.model_dump() | base | changes)


def request(
    params: Params,
    model: Model,
    folder: Path,
    out: str = "model",
    *,
    fold: str = "1",
    **changes: Any,
) -> FoldRequest:
    """Return a request to train on shards in ``folder``, which are written if they are not there.

    Parameters
    ----------
    out : name of the folder below ``folder`` that gets the model
    changes : other values of the request
    """
    features = folder / "features"
    if not features.is_dir():
        write_features(features, params)
        write_spikes(features, params)
        write_events(features, params)
    spikes = folder / "spikes" / f"fold-{fold}"
    values: dict[str, Any] = {
        "model": model,
        "params": section(params, model.task),
        "device": params.device.model_copy(update={"accelerator": "cpu"}),
        "fold": fold,
        "seed": params.seed,
        "names": NAMES,
        "inputs": spikes if model.row.reads == "spikes" else features,
        "features": features,
        "events": folder / "events.parquet" if model.labels else None,
        "base": None,
        "out": folder / out,
        "store": folder / "store",
    }
    return FoldRequest(**(values | changes))
