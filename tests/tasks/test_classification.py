"""Accuracy, macro F1 and mean average precision: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored import frame, matrix, random_matrix
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.predictions import to_frame, to_matrix
from spikesound.tasks.classification.metrics import decisions, metrics, weighted_metrics
from spikesound.tasks.classification.scores import ScoreMatrix

# Label 0 ranks the clips 0, 1, 2, 3 with positives 0 and 2: AP = 1/2 (1/1) + 1/2 (2/3) = 5/6.
# Label 1 ranks them 3, 2, 1, 0 with positives 1 and 3: AP = 1/2 (1/1) + 1/2 (2/3) = 5/6.
# Label 2 has no positive. Highest scores name 0, 0, 1, 1: right, wrong, wrong, right.
FOUR = matrix(
    [[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.4, 0.6, 0.0], [0.3, 0.7, 0.0]],
    [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]],
)


def test_four_clips_by_hand() -> None:
    found = metrics(FOUR)
    assert found["map"] == pytest.approx(5 / 6)
    assert found["accuracy"] == 0.5
    assert found["macro_f1"] == 0.5  # both labels: one hit, one miss, one false alarm


def test_clips_of_equal_score_enter_together() -> None:
    tied = matrix([[0.5, 0.5]] * 4, [[1, 0], [0, 1], [0, 1], [0, 1]])
    assert metrics(tied)["map"] == pytest.approx((1 / 4 + 3 / 4) / 2)


def test_equal_highest_scores_name_the_earlier_label() -> None:
    tied = matrix([[0.5, 0.5], [0.5, 0.5]], [[1, 0], [0, 1]])
    assert decisions(tied).tolist() == [[True, False], [True, False]]
    assert metrics(tied)["accuracy"] == 0.5


def test_with_several_labels_a_clip_every_score_of_half_is_named() -> None:
    several = matrix([[0.5, 0.9, 0.1], [0.4, 0.3, 0.2]], [[1, 1, 0], [0, 0, 1]])
    assert decisions(several).tolist() == [[True, True, False], [False, False, False]]
    # F1 is 1, 1 and 0; the highest-scoring label is true for the first clip only.
    assert metrics(several)["macro_f1"] == pytest.approx(2 / 3)
    assert metrics(several)["accuracy"] == 0.5


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_scikit_learn(seed: int, several: bool) -> None:
    scored = random_matrix(60, 5, seed, several=several)
    found = metrics(scored)
    precision = [
        average_precision_score(scored.targets[:, i], scored.scores[:, i]) for i in range(5)
    ]
    assert found["map"] == pytest.approx(np.mean(precision), rel=1e-9)
    named = scored.scores >= 0.5 if several else decisions(scored)
    assert found["macro_f1"] == pytest.approx(
        f1_score(scored.targets, named, average="macro", zero_division=np.nan)
    )
    if not several:
        actual, predicted = scored.targets.argmax(axis=1), scored.scores.argmax(axis=1)
        assert found["accuracy"] == pytest.approx(accuracy_score(actual, predicted))
        assert found["macro_f1"] == pytest.approx(f1_score(actual, predicted, average="macro"))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    drawn=st.lists(st.integers(0, 11), min_size=12, max_size=12),
    seed=st.integers(0, 50),
    several=st.booleans(),
)
def test_weights_are_the_same_as_repeated_clips(drawn: list[int], seed: int, several: bool) -> None:
    scored = random_matrix(12, 4, seed, several=several)
    weights = np.bincount(drawn, minlength=12)[None].astype(float)
    weighted = weighted_metrics(scored, weights)
    scores, targets = scored.scores[drawn], scored.targets[drawn]
    precision = [
        average_precision_score(targets[:, i], scores[:, i])
        for i in range(4)
        if targets[:, i].any()
    ]
    assert weighted["map"][0] == pytest.approx(np.mean(precision))
    named = decisions(scored)[drawn]
    assert weighted["macro_f1"][0] == pytest.approx(
        f1_score(targets, named, average="macro", zero_division=np.nan)
    )
    right = targets[np.arange(12), scores.argmax(axis=1)]
    assert weighted["accuracy"][0] == pytest.approx(right.mean())


def test_perfect_scores_give_one() -> None:
    targets = np.eye(3, dtype=bool)[[0, 1, 2, 0]]
    assert metrics(matrix(targets.astype(float), targets)) == {
        "accuracy": 1.0,
        "macro_f1": 1.0,
        "map": 1.0,
    }


def test_the_table_becomes_the_matrix_whatever_its_order() -> None:
    table = frame(FOUR.scores, FOUR.targets)
    mixed = to_matrix(table.sample(frac=1, random_state=3), list(FOUR.labels))
    assert mixed.clip_ids == FOUR.clip_ids
    np.testing.assert_array_equal(mixed.scores, FOUR.scores)
    np.testing.assert_array_equal(mixed.targets, FOUR.targets)
    again = to_frame(mixed.clip_ids, ["1"] * 4, mixed.labels, mixed.scores, mixed.targets)
    assert again.equals(table)


def test_the_order_of_classes_is_the_one_asked_for() -> None:
    turned = to_matrix(frame(FOUR.scores, FOUR.targets), ["/m/2", "/m/0", "/m/1"])
    np.testing.assert_array_equal(turned.scores, FOUR.scores[:, [2, 0, 1]])


def test_damaged_predictions_are_named() -> None:
    good = frame(FOUR.scores, FOUR.targets)
    with pytest.raises(SpikesoundError, match=r"no row for clip 'clip0000' and label '/m/1'"):
        to_matrix(good.drop(index=1))
    with pytest.raises(SpikesoundError, match=r"2 rows for clip 'clip0000' and label '/m/0'"):
        to_matrix(good.iloc[[0, *range(len(good))]])
    with pytest.raises(SpikesoundError, match=r"score nan of clip 'clip0000' for label '/m/0'"):
        to_matrix(good.assign(score=[np.nan, *good["score"][1:]]))
    with pytest.raises(SpikesoundError, match=r"score 1\.5 of clip"):
        to_matrix(good.assign(score=1.5))
    with pytest.raises(SpikesoundError, match=r"'clip0000' has no true label \(4 such"):
        to_matrix(good.assign(target=False))
    with pytest.raises(SpikesoundError, match="no column fold, score"):
        to_matrix(good.drop(columns=["fold", "score"]))
    with pytest.raises(SpikesoundError, match="no rows"):
        to_matrix(good.iloc[:0])
    with pytest.raises(SpikesoundError, match=r"unknown label in predictions '/m/2'.*valid: /m/0"):
        to_matrix(good, ["/m/0", "/m/1"])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpikesoundError, match=r"\(2, 2\)"):
        to_frame(["a", "b"], ["1", "1"], ["x", "y"], np.zeros((2, 3)), np.zeros((2, 3), bool))


def test_a_weighting_without_any_label_named_or_true_has_no_mean() -> None:
    bare = ScoreMatrix(("a",), ("x", "y"), np.zeros((1, 2)), np.zeros((1, 2), dtype=bool))
    assert np.isnan(metrics(bare)["map"])
