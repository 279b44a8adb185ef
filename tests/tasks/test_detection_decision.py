"""From probabilities to events: offline and frame by frame alike, and the choice on validation."""

from __future__ import annotations

import numpy as np
import pytest
from detected import HOP_S, scenes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pydantic import ValidationError

from spikesound.core.errors import SpikesoundError
from spikesound.models.spec import Decision
from spikesound.tasks.detection.decision import Event, StreamingEvents, edges, events
from spikesound.tasks.detection.median_filter import StreamingMedian, median, odd_frames
from spikesound.tasks.detection.metrics.counting import (
    EventArrays,
    Segments,
    arrays_of,
    event_counts,
)
from spikesound.tasks.detection.tuning import choose_decision

Scores = NDArray[np.float32]

LABELS = ["a", "b", "c"]
probabilities = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 30), st.just(3)),
    elements=st.floats(0, 1, width=16),  # few values, so that ties occur
)
odd = st.lists(st.integers(0, 6).map(lambda half: 2 * half + 1), min_size=3, max_size=3)
levels = st.lists(st.floats(0, 1), min_size=3, max_size=3)


def slow_median(scores: Scores, lengths: list[int]) -> Scores:
    filtered = np.empty_like(scores)
    for c, length in enumerate(lengths):
        for i in range(len(scores)):
            window = sorted(scores[max(0, i - length // 2) : i + length // 2 + 1, c].tolist())
            filtered[i, c] = window[(len(window) - 1) // 2]
    return filtered


def streamed_median(scores: Scores, lengths: list[int]) -> Scores:
    stream = StreamingMedian(lengths)
    given_out = [filtered for frame in scores for filtered in stream.feed(frame)]
    return np.stack(given_out + stream.flush())


def seconds_of(frames: int) -> float:
    return frames * HOP_S


@pytest.mark.slow
@given(probabilities, odd)
def test_the_median_filter_is_that_of_a_slow_loop_and_of_a_stream(
    scores: Scores, lengths: list[int]
) -> None:
    filtered = median(scores, lengths)
    np.testing.assert_array_equal(filtered, slow_median(scores, lengths))
    np.testing.assert_array_equal(filtered, streamed_median(scores, lengths))


def test_the_stream_of_medians_holds_a_frame_back_for_half_its_longest_window() -> None:
    stream = StreamingMedian([1, 5])
    counts = [len(stream.feed(np.zeros(2, dtype=np.float32))) for _ in range(6)]
    assert (stream.delay_frames, counts, len(stream.flush())) == (2, [0, 0, 1, 1, 1, 1], 2)
    assert stream.flush() == []


def test_a_window_passes_a_threshold_when_more_than_half_of_it_does() -> None:
    scores = np.array([[1], [0], [1], [1], [0], [0], [1]], dtype=np.float32)
    # Windows of 2, 3, 3, ..., 2: at the ends one of two is not more than half.
    assert median(scores, [3])[:, 0].tolist() == [0, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(("seconds", "frames"), [(0.0, 1), (0.05, 1), (0.25, 5), (1.0, 21)])
def test_a_length_in_seconds_becomes_the_nearest_odd_number_of_frames(
    seconds: float, frames: int
) -> None:
    assert odd_frames(seconds, HOP_S) == frames
    others = [n for n in range(1, 31, 2) if n != frames]
    assert all(abs(n * HOP_S - seconds) >= abs(frames * HOP_S - seconds) for n in others)


@pytest.mark.parametrize("lengths", [[2, 1], [1, -1], [1], []])
def test_lengths_that_are_not_one_odd_number_per_class_are_refused(lengths: list[int]) -> None:
    with pytest.raises(SpikesoundError, match="median filter"):
        median(np.zeros((4, 2), dtype=np.float32), lengths)


def slow_events(filtered: Scores, thresholds: list[float], seconds: float) -> list[Event]:
    found = []
    for c, threshold in enumerate(thresholds):
        i = 0
        while i < len(filtered):
            if float(filtered[i, c]) < threshold:
                i += 1
                continue
            first, score = i, 0.0
            while i < len(filtered) and float(filtered[i, c]) >= threshold:
                score = max(score, float(filtered[i, c]))
                i += 1
            onset, offset = (first - 0.5) * HOP_S, (i - 0.5) * HOP_S
            found.append(Event(LABELS[c], max(0.0, onset), min(offset, seconds), score))
    return sorted(found, key=lambda event: (event.onset_s, event.label))


@pytest.mark.slow
@given(probabilities, levels, st.floats(-0.49, 0.49))
def test_events_are_those_of_a_slow_loop_and_of_a_stream(
    filtered: Scores, thresholds: list[float], rest: float
) -> None:
    seconds = seconds_of(len(filtered)) + (rest - 0.5) * HOP_S
    offline = events(filtered, thresholds, labels=LABELS, hop_s=HOP_S, seconds=seconds)
    assert offline == slow_events(filtered, thresholds, seconds)
    stream = StreamingEvents(thresholds, labels=LABELS, hop_s=HOP_S)
    opened, closed = [], []
    for frame in filtered:
        changes = stream.feed(frame)
        opened += changes.opened
        closed += changes.closed
    closed += stream.finish(seconds)
    assert sorted(closed, key=lambda event: (event.onset_s, event.label)) == offline
    assert [event[:2] for event in opened] == [event[:2] for event in offline]
    assert stream.finish(1.0) == []


def test_a_frame_stands_for_half_a_step_either_side_of_its_middle() -> None:
    filtered = np.array([[0.9], [0.2], [0.6], [0.7], [0.2], [0.5]], dtype=np.float32)
    found = events(filtered, [0.5], labels=["a"], hop_s=0.1, seconds=0.52)
    expected = [("a", 0.0, 0.05, 0.9), ("a", 0.15, 0.35, 0.7), ("a", 0.45, 0.52, 0.5)]
    assert [event.label for event in found] == ["a"] * 3
    for event, numbers in zip(found, expected, strict=True):
        assert event[1:] == pytest.approx(numbers[1:])
    assert edges(216, HOP_S, 10.0)[[0, 1, -1]] == pytest.approx([0.0, HOP_S / 2, 10.0])


def test_what_does_not_fit_is_refused() -> None:
    filtered = np.zeros((10, 2), dtype=np.float32)
    with pytest.raises(SpikesoundError, match=r"more than a file of 0\.5 s holds"):
        events(filtered, [0.5, 0.5], labels=["a", "b"], hop_s=0.1, seconds=0.5)
    with pytest.raises(SpikesoundError, match="1 thresholds and 2 labels"):
        events(filtered, [0.5], labels=["a", "b"], hop_s=0.1, seconds=1.0)
    with pytest.raises(ValidationError, match="not odd"):
        Decision(thresholds=[0.5], medians=[4])
    with pytest.raises(ValidationError, match="2 thresholds for 1 medians"):
        Decision(thresholds=[0.5, 0.5], medians=[3])


def test_a_decision_survives_being_written() -> None:
    decision = Decision(thresholds=[0.3, 1.0], medians=[1, 5])
    assert Decision.model_validate_json(decision.model_dump_json()) == decision
    assert decision.model_dump() == {"thresholds": [0.3, 1.0], "medians": [1, 5]}, "as before"
    late = decision.model_copy(update={"lookahead": 4})
    assert Decision.model_validate_json(late.model_dump_json()) == late
    assert (decision.delay, late.delay) == (2, 6)


def test_the_choice_is_the_best_of_all_tried_one_by_one() -> None:
    made = scenes(12, 2, 3)
    medians_s, thresholds = [0.05, 0.25, 1.0], [0.2, 0.35, 0.5, 0.65, 0.8]
    decision, table = choose_decision(
        made.scores,
        made.truth,
        made.seconds,
        made.labels,
        hop_s=HOP_S,
        medians_s=medians_s,
        thresholds=thresholds,
    )
    clip_ids = sorted(made.scores)
    segments = Segments(clip_ids, made.seconds)
    for c, label in enumerate(made.labels):
        true = arrays_of(made.truth, clip_ids, label)
        best = (-1.0, -1.0, 0.0, 0)
        for length in [odd_frames(s, HOP_S) for s in medians_s]:
            for threshold in thresholds:
                found = found_in(made.scores, clip_ids, c, length, threshold)
                event_f1 = event_counts(found, true, 10.0).f1
                segment_f1 = segments.counts(found, segments.active(true)).f1
                best = max(best, (event_f1, segment_f1, -abs(threshold - 0.5), -length))
        row = table.loc[c]
        chosen = (row["event_f1"], row["segment_f1"], -abs(row["threshold"] - 0.5))
        assert chosen == best[:3]
        assert decision.medians[c] == -best[3] == row["median_frames"]
        assert decision.thresholds[c] == row["threshold"]
        assert row["events"] == len(true.clip)


def found_in(
    scores: dict[str, Scores], clip_ids: list[str], c: int, length: int, threshold: float
) -> EventArrays:
    found = {
        clip: events(
            median(scores[clip][:, [c]], [length]),
            [threshold],
            labels=["it"],
            hop_s=HOP_S,
            seconds=10.0,
        )
        for clip in clip_ids
    }
    return arrays_of(found, clip_ids, "it")


def test_a_class_without_events_keeps_the_middle_and_says_so() -> None:
    made = scenes(4, 2, 5)
    truth = {
        clip: [e for e in of_clip if e.label == "/m/0"] for clip, of_clip in made.truth.items()
    }
    decision, table = choose_decision(
        made.scores,
        truth,
        made.seconds,
        made.labels,
        hop_s=HOP_S,
        medians_s=[0.25, 0.05],
        thresholds=[0.1, 0.45, 0.9],
    )
    assert table["events"].tolist()[1] == 0
    assert (decision.thresholds[1], decision.medians[1]) == (0.45, 1)


@pytest.mark.parametrize(("medians_s", "thresholds"), [([], [0.5]), ([0.1], []), ([0.1], [1.2])])
def test_a_choice_among_nothing_or_of_no_probability_is_refused(
    medians_s: list[float], thresholds: list[float]
) -> None:
    made = scenes(2, 1, 0)
    with pytest.raises(SpikesoundError, match="at least one each"):
        choose_decision(
            made.scores,
            made.truth,
            made.seconds,
            made.labels,
            hop_s=HOP_S,
            medians_s=medians_s,
            thresholds=thresholds,
        )
