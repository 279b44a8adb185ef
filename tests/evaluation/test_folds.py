"""Evaluation of a trained model: the right clips, the right model, the right spike rates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from toy_clips import CLASSES, spec, toy

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.evaluation.classification import run_folds
from spikesound.evaluation.figures import parameter_count
from spikesound.evaluation.folds import Folds
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.spec import Spec
from spikesound.params import Params
from spikesound.training.dataset import Dataset


@pytest.mark.parametrize("labels", ["single", "multiple"])
def test_scores_are_the_softmax_or_sigmoid_of_the_networks_in_the_order_of_clips(
    labels: str, params: Params, tmp_path: Path
) -> None:
    clips = toy(10)
    clips = replace(clips, folds=["1"] * 10)
    network = save_model(tmp_path, spec(params, labels=labels))
    folds = Folds("ann-cnn", {"1": tmp_path}, lambda fold: clips, CLASSES)
    found = run_folds(folds, 3).predictions
    x = torch.from_numpy(clips.batch(np.arange(10)).swapaxes(0, 1).copy())
    scores = network.eval()(x)
    expected = torch.softmax(scores, 1) if labels == "single" else scores.sigmoid()
    values = found["score"].to_numpy().reshape(10, 2)
    assert np.allclose(values, expected.detach().numpy(), atol=1e-6)
    assert list(found["clip_id"][::2]) == clips.ids
    assert (found["target"].to_numpy().reshape(10, 2) == (clips.present > 0)).all()


def test_parameters_are_counted() -> None:
    assert parameter_count(nn.Linear(16, 2)) == 16 * 2 + 2


def save_model(folder: Path, wanted: Spec) -> nn.Module:
    network = build(wanted)
    file.save(folder / file.WEIGHTS, wanted, network)
    history = {
        "epoch": [1, 2, 3],
        "train_loss": [1.0, 0.5, 0.2],
        "validation_loss": [0.9, 0.4, 0.6],
        "validation_accuracy": [0.5, 0.8, 0.7],
        "seconds": [3.0, 1.0, 2.0],
    }
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    write_json(folder / "result.json", {"best_epoch": 2, "validation_accuracy": 0.8})
    return network


def test_each_fold_is_tested_on_its_own_clips(params: Params, tmp_path: Path) -> None:
    clips = toy(24, spikes=True)
    folders = {fold: tmp_path / fold for fold in ("1", "3")}
    for fold, folder in folders.items():
        save_model(folder, spec(params, spiking=True, fold=fold))
    asked = []

    def load_clips(fold: str) -> Dataset:
        asked.append(fold)
        return clips

    folds = Folds("snn-cnn-surrogate", folders, load_clips, CLASSES)
    found = run_folds(folds, 5)
    predictions, extras = found.predictions, found.figures
    assert asked == ["1", "3"]
    assert set(predictions["fold"]) == {"1", "3"}
    assert len(predictions) == 2 * len([fold for fold in clips.folds if fold in "13"])
    assert extras["validation_accuracy"] == 0.8, "of the network that was kept"
    assert extras["train_s_per_epoch"] == 2.0
    assert extras["epochs"] == 3
    assert extras["steps"] == 3
    rates = [extras["spike_rate_layer_1"], extras["spike_rate_layer_2"]]
    assert min(rates) <= extras["spike_rate"] <= max(rates)
    assert set(folds.histories()) == {"1", "3"}


def test_a_model_of_other_classes_or_a_fold_without_clips_is_an_error(
    params: Params, tmp_path: Path
) -> None:
    def tested(fold: str, classes: list[str]) -> None:
        clips = toy(spikes=True)
        run_folds(Folds("snn-cnn-surrogate", {fold: tmp_path}, lambda fold: clips, classes), 5)

    save_model(tmp_path, spec(params, spiking=True))
    with pytest.raises(SpikesoundError, match="trained on other classes"):
        tested("1", ["/m/1", "/m/3"])
    with pytest.raises(SpikesoundError, match="expected held-out fold '2', got '1'"):
        tested("2", CLASSES)
    save_model(tmp_path, spec(params, spiking=True, fold="9"))
    with pytest.raises(SpikesoundError, match="fold '9' has no clips"):
        tested("9", CLASSES)
