"""Bootstrap intervals: what they hold, how wide they are, how often they hold the truth."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scored import matrix, random_matrix

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation import bootstrap
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.bootstrap import draw, percentiles, resampled, with_intervals
from spikesound.evaluation.clusters import (
    Clusters,
    clusters_of,
    each_alone,
    groups_of,
    mixtures_of,
)
from spikesound.tasks.classification.metrics import METRICS, correct, metrics, weighted_metrics
from spikesound.tasks.classification.scores import ScoreMatrix
from spikesound.tasks.multilabel import Values

Bounds = dict[str, tuple[float, float]]


def values_of(
    scored: ScoreMatrix, clusters: Clusters, generator: np.random.Generator, resamples: int
) -> dict[str, Values]:
    """Return each metric of all clips and then of every resample."""
    metrics_of = partial(weighted_metrics, scored)
    return resampled(metrics_of, clusters, generator=generator, resamples=resamples)


def interval(
    scored: ScoreMatrix,
    seed: int = 0,
    resamples: int = 400,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Bounds:
    values = values_of(
        scored,
        each_alone(len(scored.clip_ids)) if clusters is None else clusters,
        np.random.default_rng(seed),
        resamples,
    )
    return {name: percentiles(values[name][1:], confidence) for name in METRICS}


@pytest.mark.parametrize("several", [False, True])
def test_the_interval_holds_the_figure(several: bool) -> None:
    scored = random_matrix(100, 5, 0, several=several)
    found, bounds = metrics(scored), interval(scored)
    for name in METRICS:
        low, high = bounds[name]
        assert 0 <= low < found[name] < high <= 1


@pytest.mark.slow
def test_more_clips_narrow_it_and_more_confidence_widens_it() -> None:
    few, many = random_matrix(50, 4, 1), random_matrix(800, 4, 1)
    for name in METRICS:
        width_few = np.ptp(interval(few)[name])
        assert np.ptp(interval(many)[name]) < width_few / 2
        assert np.ptp(interval(few, confidence=0.5)[name]) < width_few


def test_the_same_generator_gives_the_same_interval() -> None:
    scored = random_matrix(50, 4, 2)
    assert interval(scored, seed=7) == interval(scored, seed=7)
    assert interval(scored, seed=7) != interval(scored, seed=8)


def test_blocks_do_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    scored = random_matrix(50, 4, 3)
    whole = interval(scored)
    monkeypatch.setattr(bootstrap, "_BLOCK_NUMBERS", 50 * 7)
    assert interval(scored) == whole


def test_each_resample_has_as_many_clips_as_there_are() -> None:
    weights = draw(each_alone(30), 2000, np.random.default_rng(0))
    assert weights.shape == (2000, 30)
    assert (weights.sum(axis=1) == 30).all()
    # Each clip is drawn once on average; the mean of 2,000 has a deviation of 1/sqrt(2000).
    assert np.abs(weights.mean(axis=0) - 1).max() < 5 / np.sqrt(2000)


def test_accuracy_varies_as_the_binomial_says() -> None:
    scored = random_matrix(400, 4, 4)
    share = metrics(scored)["accuracy"]
    values = values_of(scored, each_alone(400), np.random.default_rng(0), 2000)
    expected = np.sqrt(share * (1 - share) / 400)
    assert values["accuracy"][1:].std() == pytest.approx(expected, rel=0.1)
    low, high = interval(scored, resamples=2000)["accuracy"]
    assert low == pytest.approx(share - 1.96 * expected, abs=0.005)
    assert high == pytest.approx(share + 1.96 * expected, abs=0.005)


def of_hits(right: NDArray[np.bool_]) -> ScoreMatrix:
    """Return two-label scores that name the clips rightly where said."""
    scores = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    return matrix(scores, np.tile([True, False], (len(right), 1)))


def share_held(clusters: Clusters, taken_as: Clusters, alike: float) -> float:
    """Return how often 90 % intervals hold the truth: 70 % of clips are named rightly.

    With probability ``alike`` a clip is named as its recording is, else by a draw of its own.
    """
    generator = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        of_recording = generator.random(clusters.max() + 1) < 0.7
        of_clip = generator.random(len(clusters)) < 0.7
        shared = generator.random(len(clusters)) < alike
        right = np.where(shared, of_recording[clusters], of_clip)
        values = values_of(of_hits(right), taken_as, generator, 200)
        low, high = percentiles(values["accuracy"][1:], 0.9)
        held += low <= 0.7 <= high
    return held / 200


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    # 0.9 with a deviation of 0.02; percentile intervals hold it a little less often.
    assert 0.8 <= share_held(each_alone(80), each_alone(80), 0.0) <= 0.975


@pytest.mark.slow
def test_clips_of_one_recording_need_an_interval_over_recordings() -> None:
    recordings = np.repeat(np.arange(80), 5)
    assert share_held(recordings, each_alone(400), 0.9) < 0.7, "clip by clip it is too narrow"
    assert 0.8 <= share_held(recordings, recordings, 0.9) <= 0.975


def test_all_clips_of_a_recording_are_drawn_together() -> None:
    clusters = np.array([0, 1, 0, 2, 1, 0])
    weights = draw(clusters, 500, np.random.default_rng(0))
    assert (weights[:, [0, 0]] == weights[:, [2, 5]]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all(), "as many as recordings"
    assert len(np.unique(weights.sum(axis=1))) > 1, "so not always as many clips"


@pytest.mark.slow
@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=30))
def test_recordings_are_numbered_by_their_names(recordings: list[str]) -> None:
    clip_ids = [str(i) for i in range(len(recordings))]
    found = clusters_of(clip_ids, dict(zip(clip_ids, recordings, strict=True)))
    order = sorted(set(recordings))
    assert found.tolist() == [order.index(recording) for recording in recordings]


def test_recordings_of_one_clip_each_give_the_interval_over_clips() -> None:
    scored = random_matrix(60, 4, 6)
    names = {clip: f"recording of {clip}" for clip in reversed(scored.clip_ids)}
    clusters = clusters_of(scored.clip_ids, names)
    assert interval(scored, clusters=clusters) == interval(scored)
    # Drawn by hand as in the plain bootstrap over clips.
    drawn = np.random.default_rng(3).integers(60, size=(50, 60))
    by_hand = np.stack([np.bincount(row, minlength=60) for row in drawn])
    assert (draw(clusters, 50, np.random.default_rng(3)) == by_hand).all()


def test_a_clip_without_a_recording_is_named() -> None:
    with pytest.raises(SpikesoundError, match=r"no recording of clip 'b' \(2 such clips\)"):
        clusters_of(["a", "b", "c"], {"a": "r", "c": ""})


def test_a_label_missing_from_a_resample_leaves_its_mean() -> None:
    # Label 1 has one clip, ranked first for it, and label 0 is ranked perfectly: mAP is 1 in every
    # resample only if resamples without label 1 do not count it as 0.
    scored = matrix([[0.9, 0.1]] * 5 + [[0.1, 0.9]], [[1, 0]] * 5 + [[0, 1]])
    values = values_of(scored, each_alone(6), np.random.default_rng(0), 300)
    assert (values["map"] == 1).all()
    assert (values["macro_f1"] == 1).all()


def test_the_first_value_is_that_of_all_clips() -> None:
    scored = random_matrix(30, 3, 2)
    values = values_of(scored, each_alone(30), np.random.default_rng(0), 5)
    assert {name: of[0] for name, of in values.items()} == metrics(scored)
    assert {len(of) for of in values.values()} == {6}


def test_values_that_do_not_exist_are_left_out_of_the_interval() -> None:
    values = {"a": np.array([2.0, np.nan, 1.0, 3.0]), "b": np.array([np.inf, 1.0, np.inf, np.inf])}
    assert with_intervals({"a": values["a"]}, 0.5) == {"a": 2.0, "a_low": 1.5, "a_high": 2.5}
    found = with_intervals(values, 0.9, nearest=True)
    assert found == {
        "a": 2.0,
        "a_low": 1.0,
        "a_high": 3.0,
        "b": None,
        "b_low": 1.0,
        "b_high": None,
    }
    nothing = with_intervals({"a": np.full(4, np.nan)}, 0.9)
    assert set(nothing.values()) == {None}


def test_a_clip_mixed_of_several_recordings_is_drawn_as_their_product() -> None:
    recordings = {"a": ["x"], "b": ["y"], "c": ["x", "y"], "d": ["z", "x"]}
    mixed = mixtures_of(list(recordings), recordings)
    by_hand = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1]]
    assert mixed.tolist() == [[bool(x) for x in row] for row in by_hand]
    weights = draw(mixed, 4000, np.random.default_rng(0))
    assert (weights[:, 2] == weights[:, 0] * weights[:, 1]).all()
    assert weights.any(axis=1).all(), "no resample is empty"
    # Given that one is drawn, E[n_x n_y] of a multinomial of three draws over three is 6 / 9;
    # the resamples without any clip, z three times, are 1 in 27.
    assert weights[:, 2].mean() == pytest.approx(6 / 9 * 27 / 26, abs=0.05)
    with pytest.raises(SpikesoundError, match="no recording of clip 'b'"):
        mixtures_of(["a", "b"], {"a": ["x"], "b": []})


def test_recordings_alone_in_their_clips_are_drawn_as_clusters_are() -> None:
    clip_ids = [str(i) for i in range(12)]
    of = {clip: f"r{i // 3}" for i, clip in enumerate(clip_ids)}
    whole = draw(clusters_of(clip_ids, of), 50, np.random.default_rng(4))
    mixed = mixtures_of(clip_ids, {clip: [recording] for clip, recording in of.items()})
    assert (draw(mixed, 50, np.random.default_rng(4)) == whole).all()


def shared_recordings(seed: int) -> tuple[NDArray[np.float64], list[list[int]]]:
    """Return values of 300 scenes, each the mean of what three of 40 recordings contribute."""
    generator = np.random.default_rng(seed)
    of_recording = generator.normal(size=40)
    scenes = [generator.choice(40, size=3, replace=False).tolist() for _ in range(300)]
    return np.array([of_recording[scene].mean() for scene in scenes]), scenes


@pytest.mark.slow
def test_scenes_that_share_recordings_need_an_interval_over_recordings() -> None:
    held = {"scenes": 0, "recordings": 0}
    for seed in range(100):
        values, scenes = shared_recordings(seed)
        clip_ids = [str(i) for i in range(len(scenes))]
        of_clip = {c: [str(r) for r in scene] for c, scene in zip(clip_ids, scenes, strict=True)}
        groups = {"scenes": each_alone(300), "recordings": mixtures_of(clip_ids, of_clip)}
        for name, unit in groups.items():
            drawn = draw(unit, 200, np.random.default_rng(seed))
            low, high = percentiles(drawn @ values / drawn.sum(axis=1), 0.9)
            held[name] += low <= 0 <= high
    assert held["scenes"] < 70, "scene by scene it is too narrow"
    assert 83 <= held["recordings"] <= 100, "never too narrow, rather too wide"


def test_a_wrong_number_is_named() -> None:
    scored = random_matrix(10, 2, 0)
    with pytest.raises(SpikesoundError, match="confidence: must be between 0 and 1, got 1"):
        interval(scored, confidence=1)
    with pytest.raises(SpikesoundError, match="resamples: must be at least 1, got 0"):
        interval(scored, resamples=0)


def test_what_is_drawn_as_one_is_what_the_clips_were_cut_or_mixed_from() -> None:
    clips = pd.DataFrame({"clip_id": ["a", "b", "c"], "recording": ["r", "r", "q"]})
    assert groups_of(["c", "a", "b"], clips, None).tolist() == [0, 1, 1]
    mixtures = pd.DataFrame({"clip_id": ["a", "a", "c"], "recording": ["x", "y", "x"]})
    mixed = groups_of(["a", "b", "c"], clips, mixtures)
    assert mixed.tolist() == [[False, True, True], [True, False, False], [False, True, False]]
    with pytest.raises(SpikesoundError, match="no recording of clip 'd'"):
        groups_of(["a", "d"], clips, mixtures)


def test_a_network_has_one_interval_wherever_it_is_scored() -> None:
    scored = random_matrix(60, 4, 6)
    recordings = {clip: f"r{17 * i % 23}" for i, clip in enumerate(scored.clip_ids)}
    of_table = with_intervals(
        resampled(
            partial(weighted_metrics, scored),
            clusters_of(scored.clip_ids, recordings),
            generator=numpy_generator(1, "bootstrap"),
            resamples=500,
        ),
        0.95,
    )
    shuffled = np.random.default_rng(0).permutation(60)
    low, high = hit_intervals(
        correct(scored)[shuffled][None],
        [recordings[scored.clip_ids[i]] for i in shuffled],
        generator=numpy_generator(1, "bootstrap"),
        resamples=500,
        confidence=0.95,
    )
    assert low == pytest.approx([of_table["accuracy_low"]])
    assert high == pytest.approx([of_table["accuracy_high"]])
