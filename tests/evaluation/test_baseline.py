"""The logistic baseline: it learns, and only from clips it may learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.baseline_classification import logistic_baseline, summarise
from spikesound.evaluation.predictions import to_matrix
from spikesound.tasks.classification.metrics import metrics

LABELS = ["/m/a", "/m/b", "/m/c"]
FOLDS = ["1", "2"]


def toy(clips: int = 60, seed: int = 0) -> tuple[NDArray[np.float16], pd.DataFrame]:
    """Return features whose loud bin tells the label, as the features stage stores them."""
    generator = np.random.default_rng(seed)
    truth = np.arange(clips) % 3
    features = generator.normal(-60, 5, size=(clips, 20, 6))
    features[np.arange(clips), :, truth] += 10
    index = pd.DataFrame(
        {
            "clip_id": [f"clip{i:03d}" for i in range(clips)],
            "fold": [FOLDS[(i // 3) % 2] for i in range(clips)],
            "labels": [[LABELS[column]] for column in truth],
        }
    )
    return features.astype(np.float16), index


def test_mean_and_deviation_of_each_bin() -> None:
    features = np.array([[[1.0, 10.0], [3.0, 10.0]]])
    assert summarise(features).tolist() == [[2.0, 10.0, 1.0, 0.0]]


def test_long_loud_clips_do_not_overflow_half_precision() -> None:
    features = np.full((1, 2000, 1), 90.0, dtype=np.float16)  # their sum is beyond 65,504
    assert summarise(features).tolist() == [[90.0, 0.0]]


def test_it_beats_chance_where_there_is_something_to_learn() -> None:
    features, index = toy()
    predictions = logistic_baseline(features, index, LABELS, FOLDS)
    assert metrics(to_matrix(predictions, LABELS))["accuracy"] > 0.9


def test_it_is_at_chance_where_there_is_nothing_to_learn() -> None:
    features, index = toy(90)
    noise = np.random.default_rng(1).normal(size=features.shape)
    predictions = logistic_baseline(noise, index, LABELS, FOLDS)
    assert metrics(to_matrix(predictions, LABELS))["accuracy"] < 0.55


def test_each_clip_of_the_held_out_folds_is_scored_once_with_probabilities() -> None:
    features, index = toy()
    predictions = logistic_baseline(features, index, LABELS, ["2"])
    assert set(predictions["clip_id"]) == set(index["clip_id"][index["fold"] == "2"])
    assert len(predictions) == 30 * 3
    np.testing.assert_allclose(predictions.groupby("clip_id")["score"].sum(), 1)


def test_labels_and_features_of_test_clips_teach_it_nothing() -> None:
    features, index = toy()
    before = logistic_baseline(features, index, LABELS, ["1"])
    held = (index["fold"] == "1").to_numpy()
    turned = index.copy()
    turned["labels"] = [
        [LABELS[(LABELS.index(labels[0]) + 1) % 3]] if test else labels
        for labels, test in zip(index["labels"], held, strict=True)
    ]
    after = logistic_baseline(features, turned, LABELS, ["1"])
    assert after["score"].equals(before["score"])
    assert not after["target"].equals(before["target"])

    one = np.flatnonzero(held)[0]
    louder = features.copy()
    louder[one] += 30
    shifted = logistic_baseline(louder, index, LABELS, ["1"])
    others = before["clip_id"] != index["clip_id"][one]
    assert shifted["score"][others].equals(before["score"][others])


def test_labels_of_training_clips_do_teach_it() -> None:
    features, index = toy()
    turned = index.assign(labels=[*index["labels"][1:], index["labels"][0]])
    before = logistic_baseline(features, index, LABELS, ["1"])
    assert not logistic_baseline(features, turned, LABELS, ["1"])["score"].equals(before["score"])


def test_with_several_labels_a_clip_each_label_has_its_own_model() -> None:
    features, index = toy()
    also = np.random.default_rng(2).random(len(index)) < 0.5
    features[also, :, 2] += 10
    both = [
        sorted({*labels, "/m/c"}) if more else labels
        for labels, more in zip(index["labels"], also, strict=True)
    ]
    predictions = logistic_baseline(features, index.assign(labels=both), LABELS, FOLDS)
    assert metrics(to_matrix(predictions, LABELS))["map"] > 0.95
    assert predictions.groupby("clip_id")["score"].sum().max() > 1.5


def test_a_label_that_no_training_clip_has_scores_nothing() -> None:
    features, index = toy()
    held = index["fold"] == "1"
    rare = [["/m/c"] if test else ["/m/a"] for test in held]
    predictions = logistic_baseline(features, index.assign(labels=rare), LABELS, ["1"])
    assert (predictions["score"][predictions["label"] == "/m/c"] == 0).all()
    assert (predictions["score"][predictions["label"] == "/m/a"] == 1).all()


def test_bad_input_is_named() -> None:
    features, index = toy(12)
    with pytest.raises(SpikesoundError, match=r"shape \(11, 20, 6\).* 12 clips"):
        logistic_baseline(features[:11], index, LABELS, FOLDS)
    with pytest.raises(SpikesoundError, match=r"unknown fold '3'.*valid: 1, 2"):
        logistic_baseline(features, index, LABELS, ["3"])
    with pytest.raises(SpikesoundError, match="only one fold"):
        logistic_baseline(features, index.assign(fold="1"), LABELS, ["1"])
    with pytest.raises(SpikesoundError, match=r"unknown label.*'/m/c'"):
        logistic_baseline(features, index, LABELS[:2], FOLDS)
    features[3, 0, 0] = np.nan
    with pytest.raises(SpikesoundError, match=r"clip 'clip003' are not finite \(1 such"):
        logistic_baseline(features, index, LABELS, FOLDS)
