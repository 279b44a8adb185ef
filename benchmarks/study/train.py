"""Training one network of the study, or finding what an earlier run left."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import noise
import numpy as np
from settings import RATE_WEIGHT, Setting
from spikesound.training.data import Clips, load_features

import paths
from spikesound.data.store import digest
from spikesound.params import Params
from spikesound.training import METHODS
from spikesound.training.loop import train_plain
from spikesound.training.run import code_digest, snn_spec, train_model

WORK = paths.STORE / "study"


def train(params: Params, setting: Setting, fold: str, classes: list[str]) -> Path:
    """Train a network on all folds but one, and return its folder."""
    network = params.models.snn[0]
    params = params.model_copy(update={"seed": setting.seed})
    clips = load_features(paths.FEATURES, classes, fold)
    if setting.noisy:
        clips = with_noise(params, clips, fold)
    section = params.methods.surrogate
    if setting.target_rate is not None:
        section = section.model_copy(
            update={"target_rate": setting.target_rate, "rate_weight": RATE_WEIGHT}
        )
    coding = {"encoding": "direct", "steps": setting.steps or 1}
    spec = snn_spec(params, network, "surrogate", fold, classes, clips.bins, coding)
    if setting.width != 1:
        channels = [max(1, round(setting.width * c)) for c in spec.network_params["channels"]]
        spec = spec.model_copy(
            update={"network_params": spec.network_params | {"channels": channels}}
        )
    training = params.train_snn
    if setting.steps is None:
        alone = {"model": f"ann-{network}", "neuron": None, "neuron_params": None}
        spec = spec.model_copy(update=alone | {"encoding": "features"})
        training = params.train_ann
    if setting.noisy:  # twice the clips, and as many steps of the optimiser
        training = training.model_copy(update={"epochs": training.epochs // 2})
    heard = hashlib.sha256(clips.inputs.tobytes()).hexdigest()
    parts = (spec, section, training)
    folder = WORK / digest(heard, code_digest(), *(part.model_dump_json() for part in parts))
    if not (folder / "result.json").is_file():
        train_model(
            train_plain if setting.steps is None else METHODS["surrogate"],
            spec,
            clips,
            training,
            section=None if setting.steps is None else section,
            out=folder,
            checkpoints=WORK / "checkpoints",
        )
    return folder


def with_noise(params: Params, clean: Clips, fold: str) -> Clips:
    """Return the clips, and each once more in noise; of the same recordings and folds."""
    heard: Any = noise.inputs(params, fold, clean.ids)
    return replace(
        clean,
        ids=[*clean.ids, *(f"{name}+noise" for name in clean.ids)],
        folds=clean.folds * 2,
        groups=clean.groups * 2,
        inputs=np.concatenate([clean.inputs, heard]),
        targets=np.concatenate([clean.targets] * 2),
    )
