"""PSDS against the library and a slow loop over thresholds; its intervals; all metrics at once."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from detected import HOP_S, WINDOW_S, Scenes, Scores, scenes
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.bootstrap import resampled, with_intervals
from spikesound.evaluation.clusters import Groups, each_alone
from spikesound.models.spec import Decision
from spikesound.tasks.detection.decision import Event, edges, events
from spikesound.tasks.detection.metrics.intersections import (
    PSDS1,
    PSDS2,
    Criterion,
    Statistics,
    statistics,
)
from spikesound.tasks.detection.metrics.measure import METRICS, measure
from spikesound.tasks.detection.metrics.psds import class_psds, weighted_psds

# Stricter rates than a few clips can measure, and every part of the score at work.
WIDE = Criterion(0.5, 0.5, 0.3, 0.5, 1.0, 3000.0)
CRITERIA = [PSDS1, PSDS2, WIDE, PSDS1._replace(alpha_st=0.0, max_efpr_per_h=2000.0)]


def counted(made: Scenes, criterion: Criterion) -> Statistics:
    return statistics(
        made.scores,
        made.truth,
        sorted(made.scores),
        made.labels,
        seconds=made.seconds,
        hop_s=HOP_S,
        criterion=criterion,
    )


def overlap(first: Event, second: Event) -> float:
    return max(0.0, min(first.offset_s, second.offset_s) - max(first.onset_s, second.onset_s))


def slow_point(
    made: Scenes, c: int, threshold: float, criterion: Criterion, times: dict[str, int]
) -> tuple[float, float]:
    """Return (effective false positive rate, true positive rate) of one class and threshold."""
    label, others = made.labels[c], [other for other in made.labels if other != made.labels[c]]
    found_true = false = total = 0
    crossed, sounding = dict.fromkeys(others, 0), dict.fromkeys(others, 0.0)
    for clip, scores in made.scores.items():
        true = [event for event in made.truth[clip] if event.label == label]
        found = events(
            scores[:, [c]], [threshold], labels=[label], hop_s=HOP_S, seconds=made.seconds[clip]
        )
        right = [
            event
            for event in found
            if sum(overlap(event, t) for t in true)
            >= criterion.dtc * (event.offset_s - event.onset_s)
        ]
        wrong = [event for event in found if event not in right]
        false += times[clip] * len(wrong)
        total += times[clip] * len(true)
        found_true += times[clip] * sum(
            sum(overlap(event, t) for event in right) >= criterion.gtc * (t.offset_s - t.onset_s)
            for t in true
        )
        for other in others:
            theirs = [event for event in made.truth[clip] if event.label == other]
            sounding[other] += times[clip] * sum(t.offset_s - t.onset_s for t in theirs)
            if criterion.cttc is not None:
                crossed[other] += times[clip] * sum(
                    sum(overlap(event, t) for t in theirs)
                    >= criterion.cttc * (event.offset_s - event.onset_s)
                    for event in wrong
                )
    hours = sum(times[clip] * made.seconds[clip] for clip in made.scores) / 3600
    cross_rates = [crossed[other] / (sounding[other] / 3600) for other in others]
    rate = false / hours + criterion.alpha_ct * (sum(cross_rates) / max(1, len(others)))
    return rate, found_true / total


def slow_psds(
    made: Scenes, criterion: Criterion, times: dict[str, int], columns: list[int]
) -> float:
    points = []
    for c in columns:
        levels = sorted({float(v) for scores in made.scores.values() for v in scores[:, c]})
        points.append(
            [(0.0, 0.0)] + [slow_point(made, c, level, criterion, times) for level in levels]
        )
    most = criterion.max_efpr_per_h
    bounds = sorted({rate for of_class in points for rate, _ in of_class if rate <= most})
    area = 0.0
    for begin, end in zip(bounds, [*bounds[1:], most], strict=True):
        best = [max(tpr for rate, tpr in of_class if rate <= begin) for of_class in points]
        area += max(0.0, np.mean(best) - criterion.alpha_st * np.std(best)) * (end - begin)
    return area / most


def small(classes: int = 3, seed: int = 4) -> Scenes:
    return scenes(5, classes, seed, seconds=3.0, skill=3.5, decimals=1)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_psds_is_that_of_a_loop_over_thresholds(criterion: Criterion) -> None:
    made = small()
    found = counted(made, criterion)
    assert found.labels == tuple(made.labels)
    once = dict.fromkeys(made.scores, 1)
    expected = slow_psds(made, criterion, once, [0, 1, 2])
    assert 0.01 < expected < 1
    assert weighted_psds(found, np.ones((1, 5)))[0] == pytest.approx(expected, abs=1e-9)
    alone = class_psds(found)
    if criterion.cttc is None:
        for c, label in enumerate(made.labels):
            assert alone[label] == pytest.approx(slow_psds(made, criterion, once, [c]), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", [PSDS1._replace(max_efpr_per_h=2000.0), WIDE])
def test_a_resample_is_the_score_of_the_scenes_drawn(criterion: Criterion) -> None:
    made = small()
    times = [2, 0, 1, 3, 1]
    expected = slow_psds(made, criterion, dict(zip(made.scores, times, strict=True)), [0, 1, 2])
    found = weighted_psds(counted(made, criterion), np.array([times], dtype=np.float64))[0]
    assert 0 < found < 1
    assert found == pytest.approx(expected, abs=1e-9)


class ScoreFrame(pd.DataFrame):
    """A frame whose arrays may be written to, as the library's compiled code asks.

    Since pandas 3 those of any other are read-only.
    """

    @property
    def _constructor(self) -> type[ScoreFrame]:
        return ScoreFrame

    def to_numpy(self, *arguments: Any, **named: Any) -> NDArray[Any]:
        array: NDArray[Any] = np.array(super().to_numpy(*arguments, **named))
        return array


def sed_scores_evals() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources, and of old escape sequences
        from sed_scores_eval import intersection_based
    module: ModuleType = intersection_based
    return module


def score_frame(scores: Scores, times: NDArray[np.float64], labels: list[str]) -> pd.DataFrame:
    """Return one clip's probabilities (frame, class) in the form that sed_scores_eval takes."""
    from sed_scores_eval.base_modules.scores import create_score_dataframe

    return ScoreFrame(
        create_score_dataframe(scores.astype(np.float64), times, event_classes=labels)
    )


def summed(
    clip: NDArray[Any], score: NDArray[Any], counts: NDArray[Any]
) -> dict[tuple[int, float], tuple[float, ...]]:
    """Return what changes in a clip at a score, where something does."""
    total: dict[tuple[int, float], NDArray[Any]] = {}
    for key, change in zip(zip(clip.tolist(), score.tolist(), strict=True), counts, strict=True):
        total[key] = total.get(key, 0) + change
    return {key: tuple(change) for key, change in total.items() if change.any()}


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("seed", range(12))
def test_what_changes_at_each_score_is_what_sed_scores_eval_counts(
    seed: int, criterion: Criterion
) -> None:
    made = scenes(6, 3, seed, seconds=4.0, skill=[1.0, 3.0, 6.0][seed % 3], decimals=1 + seed % 3)
    clips = sorted(made.scores)
    if seed % 4 == 0:  # ends that lie on those of frames
        at = made.events[["onset_s", "offset_s"]] / HOP_S
        made.events[["onset_s", "offset_s"]] = (at.round() + 0.5) * HOP_S
        made = made._replace(events=made.events[made.events["offset_s"] < 4.0])
    library = sed_scores_evals().intermediate_statistics_deltas(
        {
            clip: score_frame(scores, edges(len(scores), HOP_S, 4.0), made.labels)
            for clip, scores in made.scores.items()
        },
        {clip: [(e.onset_s, e.offset_s, e.label) for e in of] for clip, of in made.truth.items()},
        dtc_threshold=criterion.dtc,
        gtc_threshold=criterion.gtc,
        cttc_threshold=criterion.cttc,
    )
    found = counted(made, criterion)
    assert len(found.labels) > 1
    for label, deltas in zip(found.labels, found.deltas, strict=True):
        theirs = [library[clip][label] for clip in clips]
        score = np.concatenate([levels for levels, _ in theirs])
        number = np.repeat(range(len(clips)), [len(levels) for levels, _ in theirs])
        keys = ["tps", "fps", *(f"cts\\{other}" for other in found.labels)]
        columns = [
            np.concatenate([changes.get(key, np.zeros(len(levels))) for levels, changes in theirs])
            for key in keys
        ]
        mine = np.column_stack([deltas.tp, deltas.fp, deltas.cross])
        assert len(mine) > 20
        assert summed(deltas.clip, deltas.score, mine) == summed(
            number, score, np.stack(columns, axis=1).astype(np.float64)
        )


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_psds_is_that_of_sed_scores_eval(criterion: Criterion) -> None:
    psds = sed_scores_evals().psds
    made = scenes(25, 4, 2, skill=6.0)
    theirs, theirs_alone, *_ = psds(
        {
            clip: score_frame(scores, edges(len(scores), HOP_S, 10.0), made.labels)
            for clip, scores in made.scores.items()
        },
        {clip: [(e.onset_s, e.offset_s, e.label) for e in of] for clip, of in made.truth.items()},
        made.seconds,
        dtc_threshold=criterion.dtc,
        gtc_threshold=criterion.gtc,
        cttc_threshold=criterion.cttc,
        alpha_ct=criterion.alpha_ct,
        alpha_st=criterion.alpha_st,
        max_efpr=criterion.max_efpr_per_h,
    )
    found = counted(made, criterion)
    assert 0.01 < theirs < 1
    assert weighted_psds(found, np.ones((1, 25)))[0] == pytest.approx(theirs, abs=1e-9)
    assert class_psds(found) == pytest.approx(theirs_alone, abs=1e-9)


def test_a_class_without_true_events_is_left_out_and_named() -> None:
    made = small()
    fewer = made._replace(events=made.events[made.events["label"] != "/m/1"])
    found = counted(fewer, WIDE)
    assert found.labels == ("/m/0", "/m/2")
    two = Scenes(
        ["/m/0", "/m/2"],
        {clip: scores[:, [0, 2]] for clip, scores in made.scores.items()},
        fewer.events,
        made.seconds,
    )
    once = np.ones((1, 5))
    assert weighted_psds(found, once) == pytest.approx(weighted_psds(counted(two, WIDE), once))
    with pytest.raises(SpikesoundError, match="has a true event"):
        counted(made._replace(events=made.events[:0]), PSDS1)


def evaluated(
    made: Scenes,
    seed: int = 0,
    resamples: int = 60,
    confidence: float = 0.9,
    groups: Groups | None = None,
    **other: object,
) -> tuple[dict[str, float], pd.DataFrame]:
    arguments = {"clip_scores": made.clip_scores, "hop_s": HOP_S, "window_s": WINDOW_S} | other
    decision = Decision(thresholds=[0.5] * len(made.labels), medians=[5] * len(made.labels))
    decisions = dict.fromkeys(made.scores, decision)
    measured = measure(made.scores, made.events, made.seconds, made.labels, decisions, **arguments)
    values = resampled(
        measured.weighted_metrics,
        each_alone(len(made.scores)) if groups is None else groups,
        generator=np.random.default_rng(seed),
        resamples=resamples,
    )
    assert tuple(values) == METRICS
    return measured.sizes | with_intervals(values, confidence, nearest=True), measured.classes


@pytest.mark.slow
def test_all_metrics_come_with_intervals_that_hold_them_and_a_table_of_classes() -> None:
    made = scenes(20, 3, 6, skill=3.0)
    found, table = evaluated(made)
    names = [key for key in found if f"{key}_low" in found]
    assert len(names) == 14
    for name in names:
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"], name
    assert (found["clips"], found["classes"], found["classes_scored"]) == (20, 3, 3)
    assert found["events"] == len(made.events) == table["events"].sum()
    assert found["events_joined"] == 0
    assert found["events_predicted"] == table["predicted"].sum()
    assert found["event_f1"] == pytest.approx(table["event_f1"].mean())
    assert found["map"] == pytest.approx(table["average_precision"].mean())
    assert found["auc"] == pytest.approx(table["auc"].mean())
    assert evaluated(made)[0] == found
    assert evaluated(made, seed=1)[0] != found


@pytest.mark.slow
def test_scenes_of_one_recording_are_drawn_together() -> None:
    made = scenes(20, 3, 6, skill=3.0)
    alone, _ = evaluated(made, resamples=200)
    in_fours, _ = evaluated(made, resamples=200, groups=np.arange(20) // 4)
    for name in METRICS:
        assert in_fours[name] == alone[name], "all clips are all clips"
    assert in_fours["map_low"] != alone["map_low"]
    one, _ = evaluated(made, groups=np.zeros(20, dtype=np.intp))
    assert all(one[f"{name}_low"] == one[name] == one[f"{name}_high"] for name in METRICS)
    shared, _ = evaluated(made, groups=np.random.default_rng(0).random((20, 8)) < 0.3)
    assert shared["map_low"] <= shared["map"] <= shared["map_high"]


def test_a_perfect_detector_has_everything_and_an_infinite_d_prime_is_none() -> None:
    made = scenes(8, 2, 1)
    perfect = {}
    for clip in made.scores:
        middle = np.arange(len(made.scores[clip])) * HOP_S
        perfect[clip] = np.zeros_like(made.scores[clip])
        for event in made.truth[clip]:
            sounding = (middle > event.onset_s - HOP_S) & (middle < event.offset_s + HOP_S)
            perfect[clip][sounding, made.labels.index(event.label)] = 1
    made = made._replace(scores=perfect)
    found, _ = evaluated(made)
    for name in ("map", "auc", "lwlrap"):
        assert found[name] == 1
    assert found["psds2"] > 0.95
    assert found["event_f1"] > 0.9
    assert found["missed_share"] < 0.05
    assert found["d_prime"] is None
    # An onset's frame is at most half a step off; two further and half a window are waited for.
    assert 2 * HOP_S <= found["delay_median_s"] <= 3 * HOP_S


def test_what_does_not_fit_is_refused_before_the_work() -> None:
    made = scenes(3, 2, 1)
    with pytest.raises(SpikesoundError, match="only one kind"):
        evaluated(made, clip_scores={})
    with pytest.raises(SpikesoundError, match="resamples: must be at least 1, got 0"):
        evaluated(made, resamples=0)
    with pytest.raises(SpikesoundError, match="has a true event"):
        evaluated(made._replace(events=made.events[:0]))
    with pytest.raises(SpikesoundError, match=r"confidence: must be between 0 and 1, got 1\.0"):
        evaluated(made, confidence=1.0)


def test_a_detector_that_hears_nothing_has_zeros_and_no_delay() -> None:
    made = scenes(4, 2, 1)
    silent = made._replace(scores={clip: np.zeros_like(of) for clip, of in made.scores.items()})
    found, table = evaluated(silent)
    for name in ("psds1", "psds2", "event_f1", "segment_f1", "events_predicted"):
        assert found[name] == 0
    assert found["missed_share"] == 1
    assert found["delay_median_s"] is found["delay_median_s_low"] is None
    assert (found["auc"], found["d_prime"]) == (0.5, 0)
    assert table["delay_95_s"].isna().all()
