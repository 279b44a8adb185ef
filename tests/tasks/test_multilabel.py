"""mAP, AUC, d' and lwlrap: by hand, against plain loops and against scikit-learn."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored import matrix
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
    roc_auc_score,
)

from spikesound.core.errors import SpikesoundError
from spikesound.tasks import multilabel
from spikesound.tasks.classification.metrics import (
    class_table,
    decisions,
    metric_names,
    metrics,
    weighted_metrics,
)
from spikesound.tasks.classification.scores import ScoreMatrix
from spikesound.tasks.multilabel import (
    METRICS,
    Flags,
    Scores,
    Values,
    class_auc,
    class_average_precision,
    class_lwlrap,
    class_metrics,
    unscored,
)

TIGHT = 1e-9


def near(value: object) -> object:
    return pytest.approx(value, abs=TIGHT, rel=TIGHT, nan_ok=True)


def clip_table(seed: int, clips: int = 30, classes: int = 4) -> tuple[Scores, Flags]:
    """Return scores, many of them equal, and targets, of which some clips have none."""
    generator = np.random.default_rng(seed)
    targets = generator.random((clips, classes)) < 0.3
    targets[0] = False
    scores = np.clip(generator.random(targets.shape) + 0.3 * targets, 0, 1).round(1)
    return scores, targets


def once(clips: int) -> Values:
    return np.ones((1, clips))


def slow_average_precision(scores: Scores, targets: Flags) -> float:
    total, last_recall = 0.0, 0.0
    for level in sorted(set(scores.tolist()), reverse=True):
        named = scores >= level
        right = int((named & targets).sum())
        recall = right / targets.sum()
        total += (recall - last_recall) * right / named.sum()
        last_recall = recall
    return total


def slow_auc(scores: Scores, targets: Flags) -> float:
    wins = [
        1.0 if p > n else 0.5 if p == n else 0.0 for p in scores[targets] for n in scores[~targets]
    ]
    return sum(wins) / len(wins)


def slow_precisions(scores: Scores, targets: Flags) -> dict[int, list[float]]:
    """Return for each class the precision at it of each clip that has it."""
    precisions: dict[int, list[float]] = {label: [] for label in range(targets.shape[1])}
    for of_clip, true in zip(scores, targets, strict=True):
        for label in np.flatnonzero(true):
            ranked = [c for c in range(len(of_clip)) if of_clip[c] >= of_clip[label]]
            precisions[int(label)].append(sum(true[c] for c in ranked) / len(ranked))
    return precisions


@pytest.mark.slow
@pytest.mark.parametrize("classes", [1, 4, 17])
@pytest.mark.parametrize("seed", range(5))
def test_each_metric_is_that_of_plain_loops_and_of_scikit_learn(seed: int, classes: int) -> None:
    scores, targets = clip_table(seed, 40, classes)
    found = multilabel.weighted_metrics(scores, targets, once(40))
    per_class = class_metrics(scores, targets)
    columns = range(classes)
    slow_ap = [slow_average_precision(scores[:, c], targets[:, c]) for c in columns]
    slow_areas = [slow_auc(scores[:, c], targets[:, c]) for c in columns]
    slow = slow_precisions(scores, targets)
    together = [precision for of_class in slow.values() for precision in of_class]

    assert per_class["average_precision"] == near(slow_ap)
    assert per_class["average_precision"] == near(
        [average_precision_score(targets[:, c], scores[:, c]) for c in columns]
    )
    assert per_class["auc"] == near(slow_areas)
    assert per_class["auc"] == near([roc_auc_score(targets[:, c], scores[:, c]) for c in columns])
    normal = NormalDist()
    assert per_class["d_prime"] == near([2**0.5 * normal.inv_cdf(area) for area in slow_areas])
    assert per_class["lwlrap"] == near([np.mean(of_class) for of_class in slow.values()])

    assert found["map"][0] == near(np.mean(slow_ap))
    assert found["auc"][0] == near(np.mean(slow_areas))
    assert found["d_prime"][0] == near(2**0.5 * normal.inv_cdf(float(np.mean(slow_areas))))
    assert found["lwlrap"][0] == near(np.mean(together))
    counts = targets.sum(axis=0)
    assert found["lwlrap"][0] == near(np.average(per_class["lwlrap"], weights=counts))
    if classes > 1:
        assert found["map"][0] == near(average_precision_score(targets, scores, average="macro"))
        assert found["auc"][0] == near(roc_auc_score(targets, scores, average="macro"))
        assert found["lwlrap"][0] == near(
            label_ranking_average_precision_score(
                targets, scores, sample_weight=targets.sum(axis=1)
            )
        )


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_a_weight_is_how_often_the_clip_is_there(seed: int) -> None:
    scores, targets = clip_table(seed % 7, 12)
    times = np.random.default_rng(seed).integers(0, 4, size=12)
    times[3] = 1
    weights = times[None].astype(np.float64)
    repeated = np.repeat(scores, times, axis=0), np.repeat(targets, times, axis=0)
    weighted = multilabel.weighted_metrics(scores, targets, weights)
    expected = multilabel.weighted_metrics(*repeated, once(int(times.sum())))
    for name in METRICS:
        assert weighted[name] == near(expected[name])
    for of_class in (class_average_precision, class_auc, class_lwlrap):
        assert of_class(scores, targets, weights)[0] == near(
            of_class(*repeated, once(int(times.sum())))[0]
        )


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_only_the_order_of_scores_counts(seed: int) -> None:
    scores, targets = clip_table(seed, 20)
    found = multilabel.weighted_metrics(scores, targets, once(20))
    other = multilabel.weighted_metrics(scores**3 / 2, targets, once(20))
    for name in METRICS:
        assert found[name] == near(other[name])


FOUR = (
    np.array([[0.9, 0.2], [0.8, 0.6], [0.4, 0.7], [0.1, 0.3]]),
    np.array([[True, False], [False, True], [True, True], [False, False]]),
)


def test_four_clips_by_hand() -> None:
    found = multilabel.weighted_metrics(*FOUR, once(4))
    # class 1: clips in order +, -, +, -: AP = (1 + 2/3) / 2, AUC = 3/4; class 2 is perfect.
    assert found["map"][0] == near((5 / 6 + 1) / 2)
    assert found["auc"][0] == near(0.875)
    assert found["d_prime"][0] == pytest.approx(2**0.5 * 1.15034938)
    # labels rank 1st; 2nd of (wrong, right); both right.
    assert found["lwlrap"][0] == near((1 + 1 / 2 + 1 + 1) / 4)
    per_class = class_metrics(*FOUR)
    assert per_class["average_precision"] == near([5 / 6, 1])
    assert per_class["auc"] == near([3 / 4, 1])
    assert per_class["d_prime"][0] == pytest.approx(2**0.5 * 0.67448975)
    assert per_class["d_prime"][1] == np.inf
    # the first clip's only label ranks second of both for clip 2, so that class 2 has (1/2 + 1) / 2
    assert per_class["lwlrap"] == near([1, 3 / 4])


def test_classes_without_positives_are_left_out_and_named() -> None:
    scores, targets = clip_table(0)
    bare = np.column_stack([targets, np.zeros(len(targets), dtype=bool)])
    more = np.column_stack([scores, np.full(len(scores), 0.0)])
    assert unscored(bare).tolist() == [4]
    for name in ("map", "auc", "d_prime"):
        expected = multilabel.weighted_metrics(scores, targets, once(30))[name]
        assert multilabel.weighted_metrics(more, bare, once(30))[name] == near(expected)
    assert all(np.isnan(values[4]) for values in class_metrics(more, bare).values())
    nothing = multilabel.weighted_metrics(scores, np.zeros_like(targets), once(30))
    assert all(np.isnan(nothing[name][0]) for name in METRICS)


def test_a_class_true_for_every_clip_has_average_precision_but_no_area() -> None:
    scores, targets = clip_table(0)
    targets[:, 1] = True
    assert unscored(targets).tolist() == [1]
    per_class = class_metrics(scores, targets)
    assert per_class["average_precision"][1] == 1
    assert np.isnan(per_class["auc"][1])
    assert np.isnan(per_class["d_prime"][1])
    others = np.delete(per_class["auc"], 1)
    assert multilabel.auc(scores, targets, once(30))[0] == near(others.mean())


def test_a_class_missing_from_a_resample_is_left_out_of_that_resample() -> None:
    scores, targets = clip_table(3, 12)
    weights = np.stack([np.ones(12), ~targets[:, 2] * 1.0])
    found = class_average_precision(scores, targets, weights)
    assert np.isnan(found[:, 2]).tolist() == [False, True]
    assert multilabel.weighted_metrics(scores, targets, weights)["map"][1] == near(
        np.delete(found[1], 2).mean()
    )


def test_shapes_that_do_not_match_are_refused() -> None:
    scores, targets = clip_table(0)
    for wrong in (targets[1:], targets[:, 1:]):
        with pytest.raises(SpikesoundError, match="do not match"):
            class_metrics(scores, wrong)
    with pytest.raises(SpikesoundError, match="do not match"):
        multilabel.weighted_metrics(scores, targets, once(7))


def several(scores: Scores, targets: Flags) -> ScoreMatrix:
    clip_ids = tuple(f"{i:03}" for i in range(len(scores)))
    labels = tuple(f"/m/{i}" for i in range(targets.shape[1]))
    return ScoreMatrix(clip_ids, labels, scores, targets, multilabel=True)


def test_a_classifier_of_several_labels_has_these_metrics() -> None:
    scores, targets = clip_table(4)
    scored = several(scores, targets)
    assert metric_names(scored) == METRICS
    expected = multilabel.weighted_metrics(scores, targets, once(30))
    assert metrics(scored) == {name: expected[name][0] for name in METRICS}
    weights = np.random.default_rng(0).integers(0, 3, (5, 30)).astype(np.float64)
    assert weighted_metrics(scored, weights)["lwlrap"].shape == (5,)
    table = class_table(scored)
    assert list(table.columns) == ["label", "clips", *class_metrics(scores, targets)]
    assert table["clips"].tolist() == targets.sum(axis=0).tolist()
    assert table["auc"].mean() == near(metrics(scored)["auc"])


def test_the_kind_of_scores_and_not_the_data_says_how_labels_are_named() -> None:
    scores, targets = [[0.7, 0.6], [0.2, 0.4]], [[1, 0], [0, 1]]
    assert decisions(matrix(scores, targets)).tolist() == [[True, False], [False, True]]
    independent = several(np.array(scores), np.array(targets, dtype=bool))
    assert independent.single_label
    assert decisions(independent).tolist() == [[True, True], [False, False]]
