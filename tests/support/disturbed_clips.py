"""Small models of both tasks, and clips of two folds for them, clean and with white noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from spikesound.core.schema import EVENTS, FEATURE_INDEX, write_table
from spikesound.evaluation.robustness.plan import Clips
from spikesound.features import normalisation
from spikesound.features.front_end import FrontEnd
from spikesound.features.shards import write_shards
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.spec import Decision, Spec
from spikesound.params import Params

CLASSES = ["/m/1", "/m/2"]
FOLDS = ("1", "2")
BINS, FRAMES, CLIP_S = 16, 48, 2.2
LOW_DB, HIGH_DB = {"1": -70.0, "2": -60.0}, {"1": -5.0, "2": -1.0}

CNN = {"channels": [4, 8], "kernel": 3, "pool": "average", "dropout": 0.2}
LSTM = {"hidden": 8, "layers": 1, "bidirectional": False, "dropout": 0.2}
CAUSAL = {"channels": [3, 5], "pools": [2, 2], "kernel": 3, "hidden": 6, "dropout": 0.0}
TCN = CAUSAL | {"dilations": [1, 2], "taps": 3}

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "ann-cnn": ("cnn", CNN),
    "snn-cnn": ("cnn", CNN),
    "ann-lstm": ("lstm", LSTM),
    "ann-tcn": ("tcn", TCN),
    "snn-tcn": ("tcn", TCN),
    "ann-gru": ("crnn_gru", CAUSAL),
}
CLASSIFIERS = ("ann-cnn", "snn-cnn", "ann-lstm")
DETECTORS = ("ann-tcn", "snn-tcn", "ann-gru")


def task_of(model: str) -> str:
    return "detection" if model in DETECTORS else "classification"


def spec(params: Params, model: str, *, fold: str = "1", encoding: str = "rate") -> Spec:
    """Return the spec of a small model.

    A spiking classifier has three time steps. To a detector the first class sounds all the time.
    """
    kind, shape = NETWORKS[model]
    spiking, detects = model.startswith("snn"), model in DETECTORS
    section = params.encodings[encoding]
    if encoding != "population":
        section = section.model_copy(update={"steps": 3})
    coded = spiking and not detects
    return Spec(
        model=model,
        task="detection" if detects else "classification",
        network=kind,
        network_params=shape,
        neuron="lif" if spiking else "relu",
        neuron_params=params.neurons["lif"].model_dump() if spiking else {},
        labels="strong" if detects else "single",
        classes=CLASSES,
        names=["One", "Two"],
        bins=BINS * (section.neurons_per_bin if coded else 1),
        steps=section.steps if coded else 1,
        encoding=encoding if coded else None,
        encoding_params=section.model_dump() if coded else None,
        front_end=FrontEnd(
            features=params.features.model_copy(
                update={"clip_s": CLIP_S, "mels": BINS, "mfccs": BINS}
            ),
            low=[LOW_DB[fold]] * BINS,
            high=[HIGH_DB[fold]] * BINS,
        ),
        decision=Decision(thresholds=[0.0, 0.5], medians=[1, 3]) if detects else None,
        fold=fold,
        seed=1,
    )


def network(wanted: Spec) -> nn.Module:
    """Return a network with random weights whose neurons fire."""
    torch.manual_seed(0)
    made = build(wanted).eval()
    for name, value in made.named_parameters():
        if name.endswith("norm.bias"):
            nn.init.constant_(value, 0.7)
    return made


def saved(folder: Path, params: Params, model: str, **changes: Any) -> dict[str, Path]:
    """Write a model's file for each fold, and return their folders."""
    for fold in FOLDS:
        wanted = spec(params, model, fold=fold, **changes)
        file.save(folder / fold / file.WEIGHTS, wanted, network(wanted))
    return {fold: folder / fold for fold in FOLDS}


def stored(folder: Path, clips: int = 16) -> pd.DataFrame:
    """Write features, a disturbed version of them and events, and return the index of the clips."""
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "clip_id": [f"clip{i}" for i in range(clips)],
            "fold": [str(1 + i % 2) for i in range(clips)],
            "media_id": [f"media{i}" for i in range(clips)],
            "recording": [f"recording{i // 4}" for i in range(clips)],
            "labels": [[CLASSES[(i // 2) % 2]] for i in range(clips)],
        }
    )
    values = generator.uniform(-80, 0, (clips, FRAMES, BINS)).astype(np.float16)
    index = write_shards(folder / "features", rows, iter(values), 5)
    normalisation.save(
        {fold: {"low": [LOW_DB[fold]] * BINS, "high": [HIGH_DB[fold]] * BINS} for fold in FOLDS},
        folder / "features" / "normalisation.json",
    )
    (folder / "disturbed").mkdir()
    np.save(folder / "disturbed" / "white_0.npy", values + np.float16(10))
    write_table(index, FEATURE_INDEX, folder / "disturbed" / "index.parquet")
    events = pd.DataFrame(
        {
            "clip_id": rows["clip_id"],
            "label": [labels[0] for labels in rows["labels"]],
            "onset_s": [0.0 if i % 3 else 0.3 for i in range(clips)],
            "offset_s": [CLIP_S if i % 3 else 1.0 for i in range(clips)],
        }
    )
    write_table(events, EVENTS, folder / "events.parquet")
    return index


def places(folder: Path, model: str) -> Clips:
    """Return where :func:`stored` has written."""
    events = folder / "events.parquet" if model in DETECTORS else None
    return Clips(folder / "features", folder / "disturbed", events, CLASSES)
