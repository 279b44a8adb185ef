"""Paired tests: hand-worked values, false alarms as often as said, and the correction."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scored import matrix, random_matrix

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation import paired
from spikesound.evaluation.correction import holm
from spikesound.evaluation.paired import mcnemar_p, of_both, permutation_p
from spikesound.tasks import multilabel
from spikesound.tasks.classification.metrics import METRICS, correct, metrics
from spikesound.tasks.classification.scores import ScoreMatrix
from spikesound.tasks.detection.metrics.events import CountsOfClips, f1

Flags = NDArray[np.bool_]


def p_values(
    first: ScoreMatrix,
    second: ScoreMatrix,
    clusters: NDArray[np.intp] | None = None,
    *,
    seed: int = 0,
    permutations: int = 999,
) -> dict[str, float]:
    return permutation_p(
        of_both(first, second),
        np.arange(len(first.clip_ids)) if clusters is None else clusters,
        generator=np.random.default_rng(seed),
        permutations=permutations,
    )


def of_hits(right: Flags) -> ScoreMatrix:
    scores = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    return matrix(scores, np.tile([True, False], (len(right), 1)))


def test_mcnemar_by_hand() -> None:
    both, first, second = np.ones(5, bool), np.ones(9, bool), np.ones(2, bool)
    ours = np.concatenate([both, first, ~second])
    theirs = np.concatenate([both, ~first, second])
    # 9 against 2 of 11 tosses: P(at most 2) = (1 + 11 + 55) / 2048, and as much on the other side.
    assert mcnemar_p(ours, theirs) == pytest.approx(2 * 67 / 2048)
    assert mcnemar_p(theirs, ours) == mcnemar_p(ours, theirs)
    assert mcnemar_p(ours, ours) == 1


@pytest.mark.slow
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 5))
def test_mcnemar_hears_only_the_clips_that_tell(only_first: int, only_second: int, n: int) -> None:
    ours = np.repeat([True, False, True, False], [only_first, only_second, n, n])
    theirs = np.repeat([False, True, True, False], [only_first, only_second, n, n])
    tosses, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(tosses, k) for k in range(fewer + 1)) / 2**tosses
    assert mcnemar_p(ours, theirs) == pytest.approx(min(1, 2 * tail))


def test_correct_clips_are_what_accuracy_counts() -> None:
    scored = random_matrix(60, 4, 0, several=True)
    assert correct(scored).mean() == metrics(scored)["accuracy"]


@pytest.mark.slow
def test_the_permutations_find_what_all_of_them_give() -> None:
    # Six recordings: all 64 ways of swapping can be gone through, each with the plain metrics.
    # Scores are ranks already, so that ranking them changes nothing.
    generator = np.random.default_rng(2)
    targets = np.eye(3, dtype=bool)[np.arange(12) % 3]
    ours, theirs = (
        (generator.random((12, 3)) + skill * targets).argsort(axis=0).argsort(axis=0) / 12
        for skill in (0.8, 0.2)
    )
    clusters = np.repeat(np.arange(6), 2)
    first, second = matrix(ours, targets), matrix(theirs, targets)
    apart = {name: metrics(first)[name] - metrics(second)[name] for name in METRICS}
    reached = dict.fromkeys(METRICS, 0)
    for swapped in product([False, True], repeat=6):
        swap = np.array(swapped)[clusters][:, None]
        one = metrics(matrix(np.where(swap, theirs, ours), targets))
        other = metrics(matrix(np.where(swap, ours, theirs), targets))
        for name in METRICS:
            reached[name] += abs(one[name] - other[name]) >= abs(apart[name]) - 1e-12
    found = p_values(first, second, clusters, permutations=20_000)
    for name in METRICS:
        # The deviation of a share of 20,000 draws is at most 0.0036.
        assert found[name] == pytest.approx(reached[name] / 64, abs=0.015), name


def test_equal_models_are_never_told_apart() -> None:
    scored = random_matrix(40, 4, 1)
    assert p_values(scored, scored) == dict.fromkeys(METRICS, 1.0)


@pytest.mark.slow
def test_p_is_never_zero_and_the_same_either_way() -> None:
    good, bad = random_matrix(200, 4, 3, skill=1.0), random_matrix(200, 4, 3, skill=0.0)
    assert p_values(good, bad) == dict.fromkeys(METRICS, 1 / 1000)
    near = random_matrix(200, 4, 3, skill=0.3)
    assert p_values(near, bad) == p_values(bad, near)


def test_the_spread_of_a_models_scores_is_not_taken_for_skill() -> None:
    first, generator = random_matrix(80, 4, 4), np.random.default_rng(9)
    second = matrix(
        np.clip(generator.random((80, 4)) + 0.4 * first.targets, 0, 1).round(1), first.targets
    )
    assert 0.01 < p_values(first, second)["map"] < 0.9, "neither clear nor equal"
    bolder = matrix(second.scores**3 / 2, first.targets)  # the same order within each label
    assert metrics(bolder)["map"] == metrics(second)["map"]
    assert p_values(first, bolder)["map"] == p_values(first, second)["map"]


def false_alarms(clusters: NDArray[np.intp], taken_as: NDArray[np.intp]) -> float:
    """Return how often p is at most 0.1 between models that are equally good on recordings."""
    generator = np.random.default_rng(7)
    alarms = 0
    for seed in range(200):
        ours, theirs = (generator.random(clusters.max() + 1) < 0.7 for _ in range(2))
        found = p_values(
            of_hits(ours[clusters]),
            of_hits(theirs[clusters]),
            taken_as,
            seed=seed,
            permutations=99,
        )
        alarms += found["accuracy"] <= 0.1
    return alarms / 200


@pytest.mark.slow
def test_clips_of_one_recording_trade_places_together() -> None:
    recordings = np.repeat(np.arange(40), 5)
    # 0.1 with a deviation of 0.02; ties make it less.
    assert 0.02 <= false_alarms(recordings, recordings) <= 0.16
    assert false_alarms(recordings, np.arange(200)) > 0.3, "clip by clip chance is taken for more"


def test_blocks_do_not_change_the_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = random_matrix(50, 4, 5), random_matrix(50, 4, 5, skill=0.3)
    whole = p_values(first, second)
    monkeypatch.setattr(paired, "_BLOCK_NUMBERS", 2 * 50 * 7)
    assert p_values(first, second) == whole
    with pytest.raises(SpikesoundError, match="permutations: must be at least 1, got 0"):
        p_values(first, second, permutations=0)


def several_labels(clips: int, seed: int, skill: float) -> ScoreMatrix:
    """Return sigmoid scores of clips with any number of labels."""
    targets = np.random.default_rng(0).random((clips, 4)) < 0.3
    drawn = np.random.default_rng(seed).random(targets.shape)
    scores = np.clip(drawn + skill * targets, 0, 1).round(1)
    clip_ids = tuple(f"clip{i:04d}" for i in range(clips))
    return ScoreMatrix(clip_ids, ("a", "b", "c", "d"), scores, targets, multilabel=True)


@pytest.mark.slow
def test_models_of_several_labels_are_tested_in_their_own_metrics() -> None:
    good, bad = several_labels(150, 1, 0.8), several_labels(150, 2, 0.0)
    assert p_values(good, bad) == dict.fromkeys(multilabel.METRICS, 1 / 1000)
    assert p_values(good, good) == dict.fromkeys(multilabel.METRICS, 1.0)
    near = several_labels(150, 3, 0.1)
    found = p_values(near, bad)
    assert found == p_values(bad, near)
    bolder = ScoreMatrix(near.clip_ids, near.labels, near.scores**3, near.targets, True)
    assert p_values(bolder, bad) == found, "equal order, equal p"


def test_a_metric_that_is_not_there_shows_nothing() -> None:
    none = several_labels(20, 1, 0.5)
    none = ScoreMatrix(none.clip_ids, none.labels, none.scores, none.targets & False, True)
    assert p_values(none, none) == dict.fromkeys(multilabel.METRICS, 1.0)


def test_detectors_are_tested_by_the_same_permutations() -> None:
    # Nine clips with one event each; the first detector finds all, the second none: the 512
    # ways of swapping reach a difference of 1 twice.
    found, missed = np.ones((9, 1)), np.zeros((9, 1))
    counts = CountsOfClips(
        np.concatenate([found, missed]), np.zeros((18, 1)), np.concatenate([missed, found])
    )
    p = permutation_p(
        lambda weights: f1(counts, weights),
        np.arange(9),
        generator=np.random.default_rng(0),
        permutations=20_000,
    )
    assert p["micro"] == pytest.approx(2 / 512, abs=0.002)


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04; none may fall.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []
    with pytest.raises(SpikesoundError, match=r"p value: must be between 0 and 1, got 1\.5"):
        holm([0.5, 1.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_each_p_and_bonferronis(values: list[float]) -> None:
    found = holm(values)
    for value, corrected in zip(values, found, strict=True):
        assert value <= corrected <= min(1, len(values) * value)
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(found)[order]) >= 0).all()
    assert min(found) == min(1, len(values) * min(values))
