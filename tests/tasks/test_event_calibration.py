"""Calibration of a detector's events: which are true, their probabilities, which are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spikesound.models.calibration import NONE, EventCalibration
from spikesound.models.spec import Decision
from spikesound.tasks.detection.decision import Event
from spikesound.tasks.detection.event_calibration import (
    Found,
    calibrate_events,
    fit,
    found_events,
)

LABELS = ["a", "b"]
DECISION = Decision(thresholds=[0.3, 0.5], medians=[1, 1])
HOP_S = 1.0


def calibration(**changes: object) -> EventCalibration:
    values = {"slope": 2.0, "offsets": [0.0, -1.0], "threshold": 0.3, "refused": 0.05, "events": 9}
    return EventCalibration.model_validate(values | changes)


def test_a_probability_is_the_logistic_of_the_log_odds_of_the_score() -> None:
    odds = 2 * math.log(0.8 / 0.2) - 1
    assert calibration().probability(1, 0.8) == pytest.approx(1 / (1 + math.exp(-odds)))
    assert calibration().probability(0, 0.5) == pytest.approx(0.5)
    assert 0 < calibration().probability(0, 0.0) < calibration().probability(0, 1.0) <= 1


def test_an_event_below_the_threshold_is_none_of_these() -> None:
    made = calibration()
    assert made.answer(0, "a", 0.8) == ("a", made.probability(0, 0.8))
    label, score = made.answer(0, "a", 0.35)
    assert label == NONE
    assert score == pytest.approx(1 - made.probability(0, 0.35))
    assert made.answer(2, "learnt", 0.1) == ("learnt", 0.1)


def test_events_are_true_where_half_of_them_lies_in_true_ones_of_their_class() -> None:
    scores = np.zeros((10, 2), np.float32)
    scores[1:5, 0] = [0.4, 0.9, 0.4, 0.4]  # from 0.5 to 4.5 s
    scores[6:8, 1] = 0.6  # from 5.5 to 7.5 s
    for offset, true in ((2.5, True), (2.4, False)):
        truth = {"x": [Event("a", 0.5, offset), Event("a", 6.0, 9.0)]}
        found = found_events({"x": scores}, truth, {"x": 10.0}, LABELS, DECISION, hop_s=HOP_S)
        assert found == [
            Found(0, pytest.approx(0.9), true),  # type: ignore[arg-type]
            Found(1, pytest.approx(0.6), False),  # type: ignore[arg-type]
        ]


def drawn(count: int, slope: float, offsets: list[float]) -> list[Found]:
    generator = np.random.default_rng(0)
    found = []
    for number in range(count):
        column, score = number % len(offsets), generator.uniform(0.05, 0.95)
        odds = slope * math.log(score / (1 - score)) + offsets[column]
        found.append(Found(column, score, bool(generator.random() < 1 / (1 + math.exp(-odds)))))
    return found


def test_the_logistic_by_which_truth_was_drawn_is_found() -> None:
    slope, offsets = fit(drawn(20_000, 1.5, [0.5, -1.0]), 2)
    assert slope == pytest.approx(1.5, rel=0.05)
    assert offsets == pytest.approx([0.5, -1.0], abs=0.1)


def test_a_class_of_few_events_stays_near_the_others_and_one_of_none_gets_theirs() -> None:
    found = [*drawn(2000, 1.0, [0.0, 0.0]), Found(2, 0.5, True), Found(2, 0.5, True)]
    _, offsets = fit(found, 4)
    assert abs(offsets[:2]).max() < 0.2
    assert 0 < offsets[2] < 1.5
    assert offsets[3] == pytest.approx(offsets[:3].mean(), abs=0.3)


def test_a_higher_score_never_says_less() -> None:
    slope, _ = fit([Found(0, score, score < 0.5) for score in np.linspace(0.1, 0.9, 50)], 1)
    assert slope == 0.1


def test_the_threshold_refuses_at_most_a_twentieth_of_the_true_events() -> None:
    generator = np.random.default_rng(1)
    scores, truth, seconds = {}, {}, {}
    for number in range(60):
        clip = f"clip-{number:02d}"
        frames = np.zeros((6, 2), np.float32)
        frames[2:4, 0] = generator.uniform(0.5, 1) if number < 40 else generator.uniform(0.3, 0.6)
        scores[clip], seconds[clip] = frames, 6.0
        truth[clip] = [Event("a", 1.0, 4.0)] if number < 40 else []
    found = calibrate_events(scores, truth, seconds, LABELS, DECISION, hop_s=HOP_S)
    assert found is not None
    assert (found.events, found.refused) == (60, 2 / 40)
    events = found_events(scores, truth, seconds, LABELS, DECISION, hop_s=HOP_S)
    refused = [found.answer(each.column, "a", each.score)[0] == NONE for each in events]
    assert sum(no for no, each in zip(refused, events, strict=True) if each.true) == 2
    assert sum(no for no, each in zip(refused, events, strict=True) if not each.true) > 5


def test_without_a_true_or_a_false_event_there_is_none() -> None:
    scores = {"x": np.full((4, 2), 0.9, np.float32)}
    every = {"x": [Event("a", 0.0, 4.0), Event("b", 0.0, 4.0)]}
    for truth in ({"x": []}, every):
        assert calibrate_events(scores, truth, {"x": 4.0}, LABELS, DECISION, hop_s=1.0) is None
