"""Event and segment F1, against the libraries and against plain loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from detected import random_events, shaken
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.tasks.detection.decision import Event
from spikesound.tasks.detection.metrics.counting import Counts, Segments, arrays_of, event_counts
from spikesound.tasks.detection.metrics.events import class_f1, count_events, count_segments, f1
from spikesound.tasks.detection.metrics.truth import check_scores, true_events
from spikesound.tasks.multilabel import Scores

LABELS = ["a", "b", "c"]


def slow_event_counts(predicted: list[Event], true: list[Event]) -> Counts:
    """Count by trying every way to pair."""

    def fits(found: Event, event: Event) -> bool:
        allowed = max(0.2, 0.2 * (event.offset_s - event.onset_s))
        near = abs(event.onset_s - found.onset_s) <= 0.2
        return near and abs(event.offset_s - found.offset_s) <= allowed

    def most(rest: list[Event], free: frozenset[int]) -> int:
        if not rest:
            return 0
        without = most(rest[1:], free)
        with_it = [1 + most(rest[1:], free - {i}) for i in free if fits(rest[0], true[i])]
        return max([without, *with_it])

    found = most(predicted, frozenset(range(len(true))))
    return Counts(found, len(predicted) - found, len(true) - found)


def slow_segment_counts(predicted: list[Event], true: list[Event], seconds: float) -> Counts:
    counts = [0, 0, 0]
    for k in range(int(np.ceil(seconds))):
        named, there = (
            any(event.onset_s < k + 1 and event.offset_s > k for event in events)
            for events in (predicted, true)
        )
        counts[0] += named and there
        counts[1] += named and not there
        counts[2] += there and not named
    return Counts(*counts)


@pytest.mark.parametrize("seed", range(4))
def test_event_and_segment_counts_are_those_of_sed_eval_and_of_plain_loops(seed: int) -> None:
    generator = np.random.default_rng(seed)
    seconds = [2.5, 4.0, 3.3, 2.0, 1.0]
    clip_ids = [f"clip-{i}" for i in range(5)]
    truth = {c: random_events(generator, LABELS, s) for c, s in zip(clip_ids, seconds, strict=True)}
    found = {
        c: shaken(generator, truth[c], s) + random_events(generator, LABELS[:1], s, 0)
        for c, s in zip(clip_ids, seconds, strict=True)
    }
    truth[clip_ids[3]] = []
    by_library = count_events(found, truth, clip_ids, LABELS)
    segments_by_library = count_segments(found, truth, clip_ids, LABELS, seconds)
    segments = Segments(clip_ids, dict(zip(clip_ids, seconds, strict=True)))
    assert by_library.tp.sum() > 5
    for column, label in enumerate(LABELS):
        mine, theirs = (arrays_of(events, clip_ids, label) for events in (found, truth))
        of_class = [
            [[e for e in events[clip] if e.label == label] for events in (found, truth)]
            for clip in clip_ids
        ]
        slow = np.array([slow_event_counts(*pair) for pair in of_class])
        slow_segments = np.array(
            [slow_segment_counts(*pair, s) for pair, s in zip(of_class, seconds, strict=True)]
        )
        np.testing.assert_array_equal(np.stack(by_library, -1)[:, column], slow)
        np.testing.assert_array_equal(np.stack(segments_by_library, -1)[:, column], slow_segments)
        assert event_counts(mine, theirs, 4.0) == tuple(slow.sum(axis=0))
        assert segments.counts(mine, segments.active(theirs)) == tuple(slow_segments.sum(axis=0))


@given(st.integers(0, 2**32 - 1))
def test_crowded_events_are_paired_as_well_as_can_be(seed: int) -> None:
    generator = np.random.default_rng(seed)
    true = random_events(generator, ["a"], 1.5, 5)
    found = random_events(generator, ["a"], 1.5, 5)
    mine, theirs = (arrays_of({"x": events}, ["x"], "a") for events in (found, true))
    assert event_counts(mine, theirs, 1.5) == slow_event_counts(found, true)


def test_collars_by_hand() -> None:
    truth = {"x": [Event("a", 1.0, 2.0), Event("a", 3.0, 8.0)], "y": []}
    near = {"x": [Event("a", 1.2, 2.19), Event("a", 3.1, 7.0)], "y": []}
    far = {"x": [Event("a", 1.21, 2.0), Event("a", 3.0, 6.99)], "y": [Event("a", 1.0, 2.0)]}
    for found, expected in ((near, (2, 0, 0)), (far, (0, 3, 2))):
        counts = count_events(found, truth, ["x", "y"], ["a"])
        assert tuple(of_clips.sum() for of_clips in counts) == expected


def test_the_largest_pairing_counts_in_whatever_order_events_come() -> None:
    truth = {"x": [Event("a", 1.0, 1.1), Event("a", 1.15, 1.25)]}
    found = {"x": [Event("a", 1.05, 1.15), Event("a", 0.85, 0.95)]}
    assert count_events(found, truth, ["x"], ["a"]).tp.sum() == 2
    mine, theirs = (arrays_of(events, ["x"], "a") for events in (found, truth))
    assert event_counts(mine, theirs, 2.0) == (2, 0, 0)


def test_f1_over_classes_counts_a_class_never_predicted_as_zero() -> None:
    truth = {"x": [Event("a", 1.0, 2.0), Event("b", 3.0, 4.0)], "y": [Event("a", 1.0, 2.0)]}
    found = {"x": [Event("a", 1.0, 2.0)], "y": []}
    counts = count_events(found, truth, ["x", "y"], LABELS)
    np.testing.assert_allclose(class_f1(counts), [2 / 3, 0.0, np.nan])
    weights = np.array([[1, 1], [2, 0], [0, 2]], dtype=np.float64)
    both = f1(counts, weights)
    np.testing.assert_allclose(both["macro"], [1 / 3, 1 / 2, 0])
    np.testing.assert_allclose(both["micro"], [2 / 4, 2 / 3, 0])


def table(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=schema.EVENTS.names)


def test_true_events_that_touch_are_one() -> None:
    rows = table(
        ("x", "b", 0.0, 1.0), ("x", "a", 2.0, 3.0), ("x", "a", 1.0, 2.0), ("x", "a", 1.5, 1.7)
    )
    truth = true_events(rows, {"x": 5.0, "y": 5.0}, ["a", "b"])
    assert truth == {"x": [Event("a", 1.0, 3.0), Event("b", 0.0, 1.0)], "y": []}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("z", "a", 0.0, 1.0), "clip 'z'"),
        (("x", "q", 0.0, 1.0), "unknown label"),
        (("x", "a", 2.0, 1.0), "not within"),
        (("x", "a", 2.0, 6.0), "not within"),
        (("x", "a", float("nan"), 1.0), "not within"),
    ],
)
def test_a_true_event_that_cannot_be_is_refused(
    row: tuple[str, str, float, float], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        true_events(table(row), {"x": 5.0}, ["a", "b"])


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({}, "no clip"),
        ({"x": np.zeros((3, 1)), "y": np.zeros((3, 1))}, "no length of clip 'y'"),
        ({"x": np.zeros((3, 2))}, "shape"),
        ({"x": np.full((3, 1), 1.1)}, "within 0 and 1"),
        ({"x": np.full((3, 1), np.nan)}, "within 0 and 1"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores: dict[str, Scores], message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        check_scores(scores, {"x": 1.0}, ["a"])
