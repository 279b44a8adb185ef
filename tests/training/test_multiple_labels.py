"""Classification with several labels a clip: clips without labels, rare classes, the objective."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_shards import request, section, small, write_events, write_features, write_spikes
from toy_clips import NO_AUGMENT, job, recipe, spec, toy

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import numpy_generator
from spikesound.models.file import load
from spikesound.params import Params
from spikesound.tasks import task_of
from spikesound.tasks.classification.objective import MultipleLabels
from spikesound.tasks.multilabel import mean_average_precision
from spikesound.training.dataset import Dataset, label_matrix, load_features
from spikesound.training.job import Job
from spikesound.training.loop import _order, train_backprop
from spikesound.training.run import train_fold
from spikesound.training.scores import clip_scores
from spikesound.training.split import training_parts


def several(count: int = 48) -> Dataset:
    """Clips of the first class, the second, both or neither, in turn."""
    clips = toy(count)
    quiet = np.random.default_rng(1).uniform(0, 0.3, clips.inputs.shape)
    present = np.zeros((count, 2), np.float32)
    for row in range(count):
        for label in range(2):
            if (row // 4) % 4 & (1 << label):
                present[row, label] = 1
                quiet[row, ..., label * 8 : label * 8 + 8] += 0.6
    return replace(clips, inputs=quiet.astype(np.float16), present=present)


def wanted(params: Params, folder: Path, clips: Dataset, **changes: object) -> Job:
    multiple = params.tasks.classification.model_copy(update={"labels": "multiple"})
    few = recipe(params, epochs=20, patience=20, augment=NO_AUGMENT.model_dump())
    base = job(params, folder, clips=clips, training=few)
    labelled = spec(params, labels="multiple")
    return replace(base, spec=labelled, task=task_of(labelled, multiple), **changes)  # type: ignore[arg-type]


def test_the_objective_is_the_binary_cross_entropy_by_hand() -> None:
    task = MultipleLabels()
    scores, present = (
        torch.tensor([[0.0, 2.0], [-1.0, 1.0]]),
        torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
    )

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    terms = [sigmoid(0.0), 1 - sigmoid(2.0), 1 - sigmoid(-1.0), sigmoid(1.0)]
    expected = -sum(map(math.log, terms)) / 4
    assert task.loss(scores, (present,)).item() == pytest.approx(expected, rel=1e-6)
    figures = task.validation([scores[:1], scores[1:]], [(present[:1],), (present[1:],)])
    assert figures["validation_loss"] == pytest.approx(expected, rel=1e-6)
    once = np.ones((1, 2))
    value = mean_average_precision(scores.double().numpy(), present.numpy() > 0, once)[0]
    assert figures["validation_map"] == value
    assert set(figures) == {"validation_loss", *task.figures}


@pytest.mark.slow
def test_several_labels_and_none_are_learnt(params: Params, tmp_path: Path) -> None:
    clips = several()
    assert (clips.present.sum(1) == 0).any()
    assert (clips.present.sum(1) == 2).any()
    torch.manual_seed(0)
    trained = train_backprop(wanted(params, tmp_path, clips))
    held_out = clips.select(np.arange(32, 48))
    scores = clip_scores(trained.network, held_out, 5)
    assert ((scores > 0) == (held_out.present > 0)).mean() > 0.9
    assert trained.result["validation_map"] > 0.9
    assert set(trained.history[0]) >= {"validation_loss", "validation_map", "train_loss"}


def test_balanced_sampling_draws_rare_classes_as_often(params: Params, tmp_path: Path) -> None:
    clips = toy(48)
    present = np.zeros((48, 2), np.float32)
    present[:40, 0] = 1
    present[40:44, 1] = 1  # and four clips without a label
    plain = wanted(params, tmp_path, clips)
    plain = replace(plain, training=replace(clips, present=present))
    balanced = replace(plain, balanced=True)

    def drawn(each: Job) -> np.ndarray:
        epochs = [_order(each, numpy_generator(0, "order", epoch)) for epoch in range(200)]
        return np.bincount(np.concatenate(epochs), minlength=48) / 200

    assert (drawn(plain) == 1).all(), "without it each clip comes once"
    often = drawn(balanced)
    assert often.sum() == pytest.approx(48)
    assert often[40:44].sum() == pytest.approx(often[:40].sum(), rel=0.1)
    assert often[44:].mean() == pytest.approx(often[:40].mean(), rel=0.2), "no label: as the rest"
    assert (often > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ann-cnn", "snn-cnn-surrogate"])
def test_a_fold_with_several_labels_is_trained_and_kept(
    name: str, params: Params, tmp_path: Path
) -> None:
    features = write_features(tmp_path / "features", params, several())
    write_spikes(features, params)
    write_events(features, params)
    multiple = section(
        params,
        "classification",
        labels="multiple",
        balanced_sampling=True,
        validation_fold="previous",
    )
    result = train_fold(
        replace(request(params, small(params, name), tmp_path), params=multiple), lambda: None
    )
    assert 0 <= result["validation_map"] <= 1
    assert "validation_accuracy" not in result
    assert load(tmp_path / "model")[0].labels == "multiple"


def test_validation_is_on_the_fold_before_or_on_a_share(params: Params, tmp_path: Path) -> None:
    features = write_features(tmp_path / "features", params)
    clips = load_features(features, ["/m/1", "/m/2"], "1")
    for fold, before in (("1", "4"), ("2", "1"), ("4", "3")):
        parts = training_parts(
            clips, fold, section(params, "classification", validation_fold="previous"), 1
        )
        assert set(parts[1].folds) == {before}
        assert set(parts[0].folds) == {"1", "2", "3", "4"} - {fold, before}
    training, validation = training_parts(clips, "2", section(params, "classification"), 1)
    assert set(training.folds) | set(validation.folds) == {"1", "3", "4"}
    assert len(validation) == pytest.approx(len(training) / 3, abs=2)
    assert not set(training.groups) & set(validation.groups)


def test_a_split_that_cannot_be_is_one_line(params: Params) -> None:
    clips = toy()
    previous = section(params, "classification", validation_fold="previous")
    with pytest.raises(SpikesoundError, match=r"unknown fold '9'.*valid: 1, 2, 3, 4"):
        training_parts(clips, "9", previous, 1)
    two = clips.select(np.flatnonzero(np.isin(clips.folds, ["1", "2"])))
    with pytest.raises(SpikesoundError, match="leave no clips to train on; validate on a share"):
        training_parts(two, "1", previous, 1)
    alone = clips.select(np.arange(4))
    with pytest.raises(SpikesoundError, match="recordings are too few"):
        training_parts(alone, "1", section(params, "classification", validation_share=0.125), 1)


def test_a_label_that_is_not_in_use_is_named() -> None:
    assert label_matrix([["b"], ["a", "b"]], ["a", "b"]).tolist() == [[0, 1], [1, 1]]
    with pytest.raises(SpikesoundError, match=r"clip 1 of the index.*'c'.*valid: a, b"):
        label_matrix([["a"], ["c"]], ["a", "b"])
