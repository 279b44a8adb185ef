"""Event and segment F1, against the libraries and against plain loops."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from detected import random_events, shaken
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

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


EventsOf = dict[str, list[Event]]


def sed_evals_counts(
    found: EventsOf, truth: EventsOf, seconds: dict[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sed_eval's (tp, fp, fn) of events and of segments, each (clip, class, 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources, and of old escape sequences
        import dcase_util
        import sed_eval

    def container(events: EventsOf, clip: str) -> Any:
        return dcase_util.containers.MetaDataContainer(
            [
                {"filename": clip, "event_label": e.label, "onset": e.onset_s, "offset": e.offset_s}
                for e in events[clip]
            ]
        )

    library = sed_eval.sound_event
    both = (
        library.EventBasedMetrics(
            LABELS, t_collar=0.2, percentage_of_length=0.2, event_matching_type="optimal"
        ),
        library.SegmentBasedMetrics(LABELS, time_resolution=1.0),
    )
    counts: tuple[list[Any], list[Any]] = ([], [])
    for clip, length in seconds.items():
        for metrics, rows in zip(both, counts, strict=True):
            metrics.reset()
            more = {"evaluated_length_seconds": length} if metrics is both[1] else {}
            metrics.evaluate(container(truth, clip), container(found, clip), **more)
            of_class = metrics.class_wise
            rows.append([[of_class[c][key] for key in ("Ntp", "Nfp", "Nfn")] for c in LABELS])
    return np.array(counts[0], float), np.array(counts[1], float)


def random_case(seed: int) -> tuple[EventsOf, EventsOf, dict[str, float]]:
    """Return events found, true ones and lengths; every second case is on a grid of 0.1 s.

    On the grid many events are at the very edge of a collar or of a segment.
    """
    generator = np.random.default_rng(seed)
    lengths = [2.5, 4.0, 3.3, 2.0, 1.0, 10.0]
    seconds = {f"clip-{i}": s for i, s in enumerate(lengths)}
    most = int(generator.integers(2, 7))
    truth = {c: random_events(generator, LABELS, s, most) for c, s in seconds.items()}
    found = {
        c: shaken(generator, truth[c], s) + random_events(generator, LABELS[:1], s, seed % 3)
        for c, s in seconds.items()
    }
    if seed % 2:

        def on_grid(events: list[Event]) -> list[Event]:
            times = [(e.label, round(e.onset_s, 1), round(e.offset_s, 1)) for e in events]
            return [Event(*time) for time in times if time[2] > time[1]]

        truth, found = ({c: on_grid(es) for c, es in of.items()} for of in (truth, found))
    truth["clip-3"] = []
    return found, truth, seconds


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_event_and_segment_counts_are_those_of_sed_eval(seed: int) -> None:
    found, truth, seconds = random_case(seed)
    events, segments = sed_evals_counts(found, truth, seconds)
    clip_ids = list(seconds)
    of_events = count_events(found, truth, clip_ids, LABELS)
    of_segments = count_segments(found, truth, clip_ids, LABELS, list(seconds.values()))
    assert of_events.tp.sum() > 3
    np.testing.assert_array_equal(np.stack(of_events, -1), events)
    np.testing.assert_array_equal(np.stack(of_segments, -1), segments)


@pytest.mark.parametrize("seed", range(8))
def test_event_and_segment_counts_are_those_of_plain_loops(seed: int) -> None:
    found, truth, seconds = random_case(seed)
    clip_ids = list(seconds)
    of_events = count_events(found, truth, clip_ids, LABELS)
    of_segments = count_segments(found, truth, clip_ids, LABELS, list(seconds.values()))
    segments = Segments(clip_ids, seconds)
    for column, label in enumerate(LABELS):
        mine, theirs = (arrays_of(events, clip_ids, label) for events in (found, truth))
        of_class = [
            (
                [e for e in found[clip] if e.label == label],
                [e for e in truth[clip] if e.label == label],
            )
            for clip in clip_ids
        ]
        slow = np.array([slow_event_counts(*pair) for pair in of_class])
        slow_segments = np.array(
            [
                slow_segment_counts(*pair, length)
                for pair, length in zip(of_class, seconds.values(), strict=True)
            ]
        )
        np.testing.assert_array_equal(np.stack(of_events, -1)[:, column], slow)
        np.testing.assert_array_equal(np.stack(of_segments, -1)[:, column], slow_segments)
        assert event_counts(mine, theirs, 10.0) == tuple(slow.sum(axis=0))
        assert segments.counts(mine, segments.active(theirs)) == tuple(slow_segments.sum(axis=0))


@pytest.mark.slow
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
