"""Evaluation of a trained model: the right clips, the right model, the right spike rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from spikesound.evaluation.model import evaluate_model
from spikesound.evaluation.predict import parameter_count, run_fold
from spikesound.training.data import Clips
from torch import nn
from toy_clips import CLASSES, spec, toy

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.costs.counting import Counted
from spikesound.models import classifier_spec
from spikesound.params import Params


def test_scores_are_the_softmax_of_the_networks_in_the_order_of_clips(params: Params) -> None:
    clips, wanted = toy(10), spec(params)
    network = classifier_spec.build(wanted).eval()
    found = run_fold(network, clips, CLASSES, 3, spec=wanted, counted=Counted())
    x = torch.from_numpy(clips.batch(np.arange(10)).swapaxes(0, 1).copy())
    expected = torch.softmax(network(x), 1).detach().numpy()
    assert np.allclose(found["score"].to_numpy().reshape(10, 2), expected, atol=1e-6)
    assert list(found["clip_id"][::2]) == clips.ids
    assert (found["target"].to_numpy().reshape(10, 2) == (clips.targets > 0)).all()


def test_parameters_are_counted() -> None:
    assert parameter_count(nn.Linear(16, 2)) == 16 * 2 + 2


def save_model(folder: Path, params: Params, fold: str) -> None:
    wanted = spec(params, neuron=True).model_copy(update={"fold": fold})
    classifier_spec.save(folder, wanted, classifier_spec.build(wanted))
    history = {
        "epoch": [1, 2, 3],
        "train_loss": [1.0, 0.5, 0.2],
        "validation_loss": [0.9, 0.4, 0.6],
        "validation_accuracy": [0.5, 0.8, 0.7],
        "seconds": [3.0, 1.0, 2.0],
    }
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    write_json(folder / "result.json", {"best_epoch": 2, "validation_accuracy": 0.8})


def test_each_fold_is_tested_on_its_own_clips(params: Params, tmp_path: Path) -> None:
    clips = toy(24, spikes=True)
    folders = {fold: tmp_path / fold for fold in ("1", "3")}
    for fold, folder in folders.items():
        save_model(folder, params, fold)
    asked = []

    def load_clips(fold: str) -> Clips:
        asked.append(fold)
        return clips

    found = evaluate_model(folders, load_clips, CLASSES, 5)
    predictions, extras, histories = found.predictions, found.extras, found.histories
    assert asked == ["1", "3"]
    assert set(predictions["fold"]) == {"1", "3"}
    assert len(predictions) == 2 * len([fold for fold in clips.folds if fold in "13"])
    assert extras["validation_accuracy"] == 0.8, "of the network that was kept"
    assert extras["train_s_per_epoch"] == 2.0
    assert extras["epochs"] == 3
    assert extras["steps"] == 3
    rates = [extras["spike_rate_layer_1"], extras["spike_rate_layer_2"]]
    assert min(rates) <= extras["spike_rate"] <= max(rates)
    assert set(histories) == {"1", "3"}


def test_a_model_of_other_classes_or_a_fold_without_clips_is_an_error(
    params: Params, tmp_path: Path
) -> None:
    save_model(tmp_path, params, "1")
    with pytest.raises(SpikesoundError, match="trained on other classes"):
        evaluate_model({"1": tmp_path}, lambda fold: toy(), ["/m/1", "/m/3"], 5)
    with pytest.raises(SpikesoundError, match="holds out fold '1', not '2'"):
        evaluate_model({"2": tmp_path}, lambda fold: toy(spikes=True), CLASSES, 5)
    save_model(tmp_path, params, "9")
    with pytest.raises(SpikesoundError, match="fold '9' has no clips"):
        evaluate_model({"9": tmp_path}, lambda fold: toy(spikes=True), CLASSES, 5)
