"""Figures of a calibrated classifier on held-out clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_folds import save_model
from toy_clips import CLASSES, spec, toy

from spikesound.evaluation.classification import run_folds
from spikesound.evaluation.folds import Folds
from spikesound.models import file
from spikesound.models.calibration import Calibrated, Calibration
from spikesound.params import Params
from spikesound.tasks.classification.reliability import answers, expected_calibration_error
from spikesound.training.calibrate import activity

CLIPS = 10


@pytest.fixture
def folds(params: Params, tmp_path: Path) -> Folds:
    clips = replace(toy(CLIPS), folds=["1"] * CLIPS)
    save_model(tmp_path, spec(params))
    return Folds("ann-cnn", {"1": tmp_path}, lambda fold: clips, CLASSES)


def with_calibration(folds: Folds, temperature: float, threshold: float) -> None:
    path = folds.folders["1"] / file.WEIGHTS
    values = Calibration(
        temperature=temperature,
        score="energy",
        threshold=threshold,
        refused=0.0,
        clips=4,
        classes=2,
    )
    file.save(path, *file.load(path), calibration=Calibrated(values))


def test_a_model_without_a_calibration_has_no_figures_of_one(folds: Folds) -> None:
    figures = run_folds(folds, 3).figures
    assert not {"ece", "ece_raw", "refused"} & figures.keys()


def test_errors_are_those_of_the_scores_over_the_temperature(folds: Folds) -> None:
    before = run_folds(folds, 3)
    with_calibration(folds, 4.0, -1e6)
    found = run_folds(folds, 3)
    assert found.predictions.equals(before.predictions), "stored predictions are the network's own"
    (_, wanted, network, clips), *_ = folds
    scores, _ = activity(network, wanted, clips, np.arange(CLIPS), 50)
    for key, temperature in (("ece_raw", 1.0), ("ece", 4.0)):
        shares = (scores.double() / temperature).softmax(1).numpy()
        expected = expected_calibration_error(*answers(shares, clips.present > 0, multilabel=False))
        assert found.figures[key] == pytest.approx(expected, abs=1e-4)
    assert found.figures["ece"] != found.figures["ece_raw"]
    assert found.figures["refused"] == 0
    assert before.figures.items() <= found.figures.items()


def test_refused_is_the_share_of_known_clips_below_the_threshold(folds: Folds) -> None:
    (_, wanted, network, clips), *_ = folds
    scores, _ = activity(network, wanted, clips, np.arange(CLIPS), 50)
    energies = np.sort(torch.logsumexp(scores.double(), 1).numpy())
    with_calibration(folds, 1.0, float(energies[2:4].mean()))
    assert run_folds(folds, 3).figures["refused"] == pytest.approx(0.3)
