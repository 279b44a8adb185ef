"""Events of a batch: gaps, durations, the best ones, thresholds, several recorders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trained_models import NAMES, RECORDING, detector

from spikesound.apps import api
from spikesound.apps.annotations import Labelled
from spikesound.apps.batch.recording import Recording
from spikesound.apps.batch.refinement import Refinement, close_gaps
from spikesound.apps.batch.several_recorders import RecordedEvent, merge_recorders
from spikesound.apps.batch.thresholds import read_thresholds, with_thresholds
from spikesound.core.errors import SpikesoundError
from spikesound.tasks.detection.decision import Event

EVENTS = [
    Event("Dog", 0.0, 1.0, 0.6),
    Event("Rain", 0.5, 4.0, 0.5),
    Event("Dog", 1.3, 2.0, 0.9),
    Event("Dog", 2.31, 2.5, 0.7),
]


def refined(refinement: Refinement, events: list[Event] = EVENTS) -> list[Event]:
    return list(refinement(Labelled("a.wav", 9.0, "m", 4000.0, events)).events)


def test_gaps_of_a_label_are_closed() -> None:
    assert refined(Refinement()) == EVENTS
    assert refined(Refinement(merge_gap_s=0.3)) == [
        Event("Dog", 0.0, 2.0, 0.9),
        Event("Rain", 0.5, 4.0, 0.5),
        Event("Dog", 2.31, 2.5, 0.7),
    ]
    assert len(refined(Refinement(merge_gap_s=0.29))) == 4
    assert refined(Refinement(merge_gap_s=0.31))[0] == Event("Dog", 0.0, 2.5, 0.9)
    touching = [Event("Dog", 0.0, 1.0, 0.5), Event("Dog", 1.0, 2.0, 0.6)]
    assert refined(Refinement(merge_gap_s=0), touching) == [Event("Dog", 0.0, 2.0, 0.6)]
    overlapping = [Event("Dog", 0.0, 5.0, 0.5), Event("Dog", 2.5, 4.0, 0.6)]  # windows
    assert refined(Refinement(merge_gap_s=0), overlapping) == [Event("Dog", 0.0, 5.0, 0.6)]


def test_short_ones_are_left_out_once_gaps_are_closed() -> None:
    assert [e.onset_s for e in refined(Refinement(min_duration_s=0.7))] == [0.0, 0.5, 1.3]
    both = Refinement(merge_gap_s=0.3, min_duration_s=1.5)
    assert [(e.label, e.offset_s) for e in refined(both)] == [("Dog", 2.0), ("Rain", 4.0)]
    rounding = [Event("Dog", 0.1, 0.1 + 0.2, 0.5)]  # 0.20000000000000004 - less than 0.2 or more
    assert refined(Refinement(min_duration_s=0.2), rounding) == rounding


def test_the_best_ones_stay_in_order_of_time() -> None:
    assert [e.score for e in refined(Refinement(top=2))] == [0.9, 0.7]
    assert [e.score for e in refined(Refinement(top=3))] == [0.6, 0.9, 0.7]


@pytest.mark.parametrize("wrong", [{"merge_gap_s": -1.0}, {"min_duration_s": float("nan")}])
def test_wrong_times_are_an_error(wrong: dict[str, float]) -> None:
    with pytest.raises(SpikesoundError, match="expected at least 0 s, got"):
        Refinement(**wrong)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 50), st.integers(1, 9))),
    st.integers(0, 9),
)
def test_closed_gaps_cover_the_same_and_leave_only_wider_ones(
    spans: list[tuple[str, int, int]], gap: int
) -> None:
    events = [Event(label, on, on + length, 0.5) for label, on, length in spans]
    merged = close_gaps(events, gap)
    for label in "AB":
        own = sorted((e.onset_s, e.offset_s) for e in merged if e.label == label)
        assert all(after[0] - before[1] > gap for before, after in pairwise(own))
        for event in (e for e in events if e.label == label):
            assert any(on <= event.onset_s and event.offset_s <= off for on, off in own)


START = datetime(2024, 1, 31, 5, 30, tzinfo=UTC)


def heard(
    recorder: str,
    onset_s: float,
    offset_s: float,
    score: float,
    label: str = "Dog",
    late_s: float = 0,
) -> RecordedEvent:
    """An event at times by one clock, of a file that began ``late_s`` after it."""
    recording = Recording(recorder, START + timedelta(seconds=late_s))
    event = Event(label, onset_s - late_s, offset_s - late_s, score)
    return RecordedEvent(f"{recorder}.wav", event, recording, (recorder,))


def counted(events: list[RecordedEvent], tolerance_s: float = 0.0) -> list[tuple[float, str]]:
    merged = merge_recorders(events, tolerance_s)
    return [(each.event.score, "+".join(each.recorders)) for each in merged]


def test_one_event_of_several_recorders_is_counted_once() -> None:
    events = [heard("a", 0, 2, 0.6), heard("b", 1, 3, 0.9, late_s=-600), heard("c", 2.5, 4, 0.7)]
    assert counted(events) == [(0.9, "b+a+c")]
    [best] = merge_recorders(events, 0.0)
    assert best.event == events[1].event, "as the best one has it"


def test_another_label_time_or_the_same_recorder_is_another_event() -> None:
    assert len(counted([heard("a", 0, 2, 0.6), heard("b", 0, 2, 0.5, label="Rain")])) == 2
    assert len(counted([heard("a", 0, 2, 0.6), heard("a", 1, 3, 0.5)])) == 2
    assert len(counted([heard("a", 0, 2, 0.6), heard("b", 2.5, 3, 0.5)])) == 2


def test_the_tolerance_reaches_to_either_side() -> None:
    late = [heard("a", 0, 2, 0.6), heard("b", 2.5, 3, 0.5)]
    early = [heard("a", 2.5, 3, 0.6), heard("b", 0, 2, 0.5)]
    for events in (late, early):
        assert counted(events, 0.5) == [(0.6, "a+b")]
        assert len(counted(events, 0.499)) == 2


def test_nothing_is_merged_by_way_of_a_third() -> None:
    """b overlaps with both of a, which are two; c overlaps with b alone."""
    events = [heard("a", 0, 2, 0.9), heard("b", 1, 6, 0.5), heard("a", 5, 7, 0.8)]
    assert counted(events) == [(0.9, "a+b"), (0.8, "a")]
    chain = [heard("a", 0, 2, 0.9), heard("b", 1, 4, 0.5), heard("c", 3, 6, 0.4)]
    assert counted(chain) == [(0.9, "a+b"), (0.4, "c")]


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["Dog", "Rain"]), st.integers(0, 30),
                  st.integers(1, 6), st.integers(0, 9)),
        max_size=12,
    ),
    st.integers(0, 3),
)  # fmt: skip
def test_the_search_in_time_finds_what_a_slow_loop_finds(
    drawn: list[tuple[str, str, int, int, int]], tolerance: int
) -> None:
    events = [heard(r, on, on + n, score / 10, label) for r, label, on, n, score in drawn]
    left = sorted(range(len(events)), key=lambda n: (-events[n].event.score, *events[n].event[1:3]))
    slow: dict[int, set[str]] = {}
    while left:
        best, *left = left
        one = events[best]
        others = [
            n
            for n in left
            if events[n].event.label == one.event.label
            and events[n].recording.recorder != one.recording.recorder
            and events[n].event.onset_s <= one.event.offset_s + tolerance
            and events[n].event.offset_s >= one.event.onset_s - tolerance
        ]
        left = [n for n in left if n not in others]
        slow[best] = {one.recording.recorder} | {events[n].recording.recorder for n in others}
    fast = merge_recorders(events, tolerance)
    assert [each.event for each in fast] == [events[n].event for n in sorted(slow)]
    assert [set(each.recorders) for each in fast] == [slow[n] for n in sorted(slow)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> api.Model:
    return api.load(detector(tmp_path_factory.mktemp("model") / "model.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "\ufefflabel,threshold\nDog,0.9\n\n /m/01hsr_ , 1e-1\n"),
        ("t.yaml", "Dog: 0.9\n/m/01hsr_: 1e-1\n"),
    ],
)
def test_thresholds_by_name_or_id(tmp_path: Path, model: api.Model, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    thresholds = read_thresholds(tmp_path / name, model)
    assert thresholds == {"Dog": 0.9, "Sneeze": 0.1}
    decision = with_thresholds(model, thresholds).trained.spec.decision
    assert decision is not None
    assert (decision.thresholds, decision.medians) == ([0.9, 0.5, 0.1], [1, 5, 3])
    assert model.trained.spec.decision != decision, "the model itself keeps its own"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "label,threshold\nDgo,0.9", "t.csv, line 2: unknown label 'Dgo' (did you mean"
         " 'Dog'?); valid: Dog, Rooster, Sneeze"),
        ("t.yaml", "Cat: 0.9", "t.yaml: Cat: unknown label 'Cat'; valid: Dog, Rooster, Sneeze"),
        ("t.csv", "label,threshold\nDog,1.5", "line 2: expected a threshold from 0 to 1, got"),
        ("t.csv", "label,threshold\nDog,nan", "got 'nan'"),
        ("t.csv", "label,threshold\nDog,-0.1", "got '-0.1'"),
        ("t.yaml", "Dog: true", "got True"),
        ("t.csv", "label,threshold\nDog", "line 2: expected label,threshold, got 1 cells"),
        ("t.csv", "Dog,0.5\n", "line 1: expected the head label,threshold, got 'Dog,0.5'"),
        ("t.csv", "label,threshold\nDog,0.5\n/m/0bt9lr,0.6", "line 3: 'Dog' is named twice"),
        ("t.csv", "label,threshold\n", "no thresholds in it"),
        ("t.yaml", "- Dog\n", "not a mapping"),
        ("none.csv", None, "none.csv: cannot be read: No such file"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_thresholds_is_one_error(
    tmp_path: Path, model: api.Model, name: str, text: str | None, words: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SpikesoundError) as raised:
        read_thresholds(tmp_path / name, model)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_other_thresholds_give_other_events(model: api.Model) -> None:
    probabilities = model.predict(RECORDING)
    name = max(NAMES, key=lambda label: probabilities[label])
    for threshold, found in ((probabilities[name], True), (probabilities[name] + 1e-6, False)):
        labels = {e.label for e in with_thresholds(model, {name: threshold}).detect(RECORDING)}
        assert (name in labels) == found
