"""Delay from onset to decision, events never detected, and false alarms per hour."""

from __future__ import annotations

import numpy as np
import pytest
from detected import HOP_S, WINDOW_S, scenes
from numpy.typing import NDArray
from scipy.stats import poisson

from spikesound.core.errors import SpikesoundError
from spikesound.tasks.detection.decision import Event, StreamingEvents, events
from spikesound.tasks.detection.delay import Delays, Timing, delay_metrics, delays, false_alarms
from spikesound.tasks.detection.median_filter import StreamingMedian, median

TIMING = Timing(hop_s=0.1, window_s=0.2, lookahead_frames=3)


def detected(predicted: list[Event], true: list[Event]) -> Delays:
    return delays(
        {"x": predicted}, {"x": true}, ["x"], ["a", "b"], seconds={"x": 10.0}, timing=TIMING
    )


def test_delays_by_hand() -> None:
    # Frame 20 stands for 1.95 to 2.05 s: its sound is there at 2.1 s, the filter done at 2.4 s.
    found = detected([Event("a", 1.95, 3.05)], [Event("a", 1.8, 3.0)])
    assert found.delay_s == pytest.approx([2.4 - 1.8])
    assert not found.early[0]


def test_an_event_told_before_it_began_counts_from_the_first_frame_within_it() -> None:
    # On since 1 s; the onset at 5.02 s lies in frame 50, decided at 5.4 s.
    found = detected([Event("a", 0.95, 6.0)], [Event("a", 5.02, 6.0)])
    assert found.delay_s == pytest.approx([5.4 - 5.02])
    assert found.early[0]


def test_no_decision_is_later_than_the_end_of_the_file() -> None:
    found = detected([Event("a", 9.85, 10.0)], [Event("a", 9.8, 10.0)])
    assert found.delay_s == pytest.approx([0.2])


def test_an_event_of_another_class_or_time_tells_nothing() -> None:
    found = detected(
        [Event("b", 1.0, 2.0), Event("a", 3.0, 4.0)], [Event("a", 1.0, 2.0), Event("b", 4.0, 5.0)]
    )
    assert np.isnan(found.delay_s).all()
    metrics = delay_metrics(found, np.ones((1, 1)))
    assert metrics["missed_share"][0] == 1
    assert np.isnan(metrics["delay_median_s"][0])


def streamed_first_telling(
    scores: NDArray[np.float32], thresholds: list[float], medians: list[int], true: Event
) -> float:
    """Feed frames as their sound comes; return when the true event is first known to be on."""
    stream, decide = (
        StreamingMedian(medians),
        StreamingEvents(thresholds, labels=["a"], hop_s=HOP_S),
    )
    frame, on = 0, False
    for i, row in enumerate(scores):
        for filtered in stream.feed(row):
            changes = decide.feed(filtered)
            on = (on or bool(changes.opened)) and not changes.closed
            begin, end = (frame - 0.5) * HOP_S, (frame + 0.5) * HOP_S
            if on and end > true.onset_s and begin < true.offset_s:
                return i * HOP_S + WINDOW_S / 2
            frame += 1
    return np.nan


def test_the_delay_is_that_of_frames_fed_as_they_come() -> None:
    made = scenes(12, 1, 8, skill=3.0)
    thresholds, medians = [0.5], [5]
    true = {
        clip: [e._replace(label="a") for e in of_clip if e.offset_s < 9.5]
        for clip, of_clip in made.truth.items()
    }
    predicted = {
        clip: events(median(scores, medians), thresholds, labels=["a"], hop_s=HOP_S, seconds=10.0)
        for clip, scores in made.scores.items()
    }
    found = delays(
        predicted,
        true,
        sorted(true),
        ["a"],
        seconds=made.seconds,
        timing=Timing(HOP_S, WINDOW_S, 2),
    )
    expected = [
        streamed_first_telling(made.scores[clip], thresholds, medians, event) - event.onset_s
        for clip in sorted(true)
        for event in true[clip]
    ]
    assert np.isfinite(expected).sum() > 8
    np.testing.assert_allclose(found.delay_s, expected, atol=1e-9)


def test_percentiles_and_shares_are_those_of_the_events_drawn() -> None:
    generator = np.random.default_rng(3)
    delay_s = generator.exponential(size=40).round(1)
    delay_s[::7] = np.nan
    clip = np.sort(generator.integers(6, size=40))
    found = Delays(clip, np.zeros(40, dtype=np.intp), delay_s, ~np.isnan(delay_s) & (delay_s > 2))
    weights = generator.integers(0, 3, size=(5, 6)).astype(np.float64)
    metrics = delay_metrics(found, weights)
    for row, times in enumerate(weights.astype(int)):
        drawn = np.repeat(delay_s, times[clip])
        seen = drawn[~np.isnan(drawn)]
        for name, share in (("delay_median_s", 0.5), ("delay_95_s", 0.95)):
            assert metrics[name][row] == np.quantile(seen, share, method="inverted_cdf")
        assert metrics["missed_share"][row] == pytest.approx(np.isnan(drawn).mean())
        assert metrics["early_share"][row] == pytest.approx((seen > 2).mean())


def test_false_alarms_per_hour_have_the_exact_poisson_interval() -> None:
    predicted = {"x": [Event("a", 0, 1), Event("a", 3, 4), Event("b", 3, 4)], "y": []}
    table = false_alarms(
        predicted, {"x": 1000.0, "y": 800.0}, ["a", "b", "c"], confidence=0.9
    ).set_index("label")
    assert table["alarms"].to_dict() == {"a": 2, "b": 1, "c": 0, "all": 3}
    assert table["per_hour"].to_dict() == {"a": 4, "b": 2, "c": 0, "all": 6}
    for number, low, high in table[["alarms", "low", "high"]].itertuples(index=False):
        # At the bounds, as few or as many alarms have a probability of one in twenty.
        assert poisson.cdf(number, high * 0.5) == pytest.approx(0.05)
        if number:
            assert poisson.sf(number - 1, low * 0.5) == pytest.approx(0.05)
        else:
            assert low == 0


@pytest.mark.parametrize(
    ("predicted", "seconds", "message"),
    [
        ({}, {}, "at least one"),
        ({"x": []}, {"y": 1.0}, "not of the same clips"),
        ({"x": [Event("q", 0, 1)]}, {"x": 2.0}, "'q'"),
    ],
)
def test_false_alarms_of_nothing_or_of_strangers_are_refused(
    predicted: dict[str, list[Event]], seconds: dict[str, float], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        false_alarms(predicted, seconds, ["a"], confidence=0.9)
