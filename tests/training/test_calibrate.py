"""Calibration on validation clips, and what it depends on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_shards import request, section, small, write_features
from toy_clips import settled, spec, toy

from spikesound.models import file
from spikesound.models.build import build
from spikesound.params import Params
from spikesound.training.calibrate import calibrate, fit_prototypes, lowest_kept
from spikesound.training.dataset import Dataset
from spikesound.training.negatives import FOLD
from spikesound.training.run import train_fold

ROWS = np.arange


def network_of(wanted: Any, clips: Dataset) -> torch.nn.Module:
    torch.manual_seed(1)
    x = torch.from_numpy(np.ascontiguousarray(clips.batch(ROWS(len(clips))).swapaxes(0, 1)))
    return settled(build(wanted), x)


@pytest.mark.parametrize("score", ["cosine", "energy"])
def test_at_most_a_twentieth_of_the_known_clips_is_refused(score: Any, params: Params) -> None:
    clips = toy(100)
    wanted = spec(params)
    network = network_of(wanted, clips)
    training, validation = clips.select(ROWS(60)), clips.select(ROWS(60, 100))
    found = calibrate(network, wanted, training, validation, 7, score)
    assert found is not None
    assert (found.values.clips, found.values.classes, found.values.score) == (40, 2, score)
    assert found.values.refused == pytest.approx(2 / 40)
    assert (found.prototypes is None) == (score == "energy")


def test_the_threshold_is_the_highest_that_refuses_no_more() -> None:
    known = np.array([5.0, 1, 4, 3, 2, 9, 8, 7, 6, 10])
    assert lowest_kept(known, 0.2) == 3
    assert lowest_kept(known, 0.19) == 2
    assert lowest_kept(known, 0.0) == 1
    assert lowest_kept(np.array([2.0, 2, 2]), 0.5) == 2, "equal ones are kept together"


def test_clips_without_a_class_set_no_threshold(params: Params) -> None:
    clips = toy(40)
    wanted = spec(params, labels="multiple")
    network = network_of(wanted, clips)
    bare = clips.present.copy()
    bare[20:30] = 0
    some = replace(clips, present=bare).select(ROWS(20, 40))
    found = calibrate(network, wanted, clips.select(ROWS(20)), some, 50, "energy")
    alone = calibrate(
        network, wanted, clips.select(ROWS(20)), clips.select(ROWS(30, 40)), 50, "energy"
    )
    assert found is not None
    assert alone is not None
    assert found.values.threshold == pytest.approx(alone.values.threshold, abs=1e-6)
    nothing = replace(some, present=np.zeros_like(some.present))
    assert calibrate(network, wanted, clips, nothing, 50) is None


def test_negatives_are_no_part_of_the_means(params: Params) -> None:
    clips = toy(40)
    wanted = spec(params)
    network = network_of(wanted, clips)
    training, validation = clips.select(ROWS(20)), clips.select(ROWS(20, 40))
    negative = toy(6)
    negative = replace(
        negative,
        inputs=np.zeros_like(negative.inputs),
        folds=[FOLD] * 6,
        present=np.full_like(negative.present, 0.5),
    )
    both = replace(
        training,
        ids=training.ids + negative.ids,
        folds=training.folds + negative.folds,
        inputs=np.concatenate([training.inputs, negative.inputs]),
        present=np.concatenate([training.present, negative.present]),
    )
    found = [calibrate(network, wanted, each, validation, 50) for each in (training, both)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].values == found[1].values
    assert found[0].prototypes is not None
    assert found[1].prototypes is not None
    assert torch.equal(found[0].prototypes.means, found[1].prototypes.means)


def test_means_are_those_of_the_clips_of_each_class() -> None:
    hidden = torch.tensor([[0.0, 0.0], [2.0, 2.0], [10.0, 1.0], [10.0, 3.0]])
    present = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], bool)
    found = fit_prototypes(hidden, present)
    assert found.means[0].tolist() == pytest.approx([4, 5 / 3]), "a clip of two counts in both"
    assert found.means[1:].tolist() == [[10, 2], [5.5, 1.5]]


def test_a_network_whose_layers_are_not_known_gets_the_energy(params: Params) -> None:
    clips = toy(40)
    wanted = spec(params)
    network = torch.nn.Sequential(network_of(wanted, clips))
    found = calibrate(network, wanted, clips.select(ROWS(20)), clips.select(ROWS(20, 40)), 8)
    assert found is not None
    assert found.values.score == "energy"
    assert found.prototypes is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ann-cnn", "snn-cnn-surrogate"])
def test_training_writes_the_calibration_of_its_validation_clips(
    name: str, params: Params, tmp_path: Path
) -> None:
    wanted = request(params, small(params, name), tmp_path)
    train_fold(wanted, lambda: None)
    path = wanted.out / file.WEIGHTS
    found = file.load_calibration(path)
    assert found is not None
    assert found.values.clips > 0
    clips = toy()
    inputs = clips.inputs.copy()
    inputs[np.array(clips.folds) == wanted.fold] = 0.5
    before = path.read_bytes()
    if name == "ann-cnn":  # its shards are the features themselves
        write_features(wanted.features, params, replace(clips, inputs=inputs))
        train_fold(wanted, lambda: None)
        assert path.read_bytes() == before, "the held-out fold changes nothing"
    other = replace(wanted, params=section(params, "classification", validation_share=0.3))
    train_fold(other, lambda: None)
    assert file.load_calibration(path) != found
