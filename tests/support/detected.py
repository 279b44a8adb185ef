"""Scenes with true events and a detector's scores, made at random for the tests of detection."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core import schema
from spikesound.tasks.detection.decision import Event
from spikesound.tasks.detection.metrics.truth import true_events

Scores = NDArray[np.float32]

HOP_S = 1024 / 22050
WINDOW_S = 1024 / 22050


class Scenes(NamedTuple):
    labels: list[str]
    scores: dict[str, Scores]
    events: pd.DataFrame
    seconds: dict[str, float]

    @property
    def truth(self) -> dict[str, list[Event]]:
        return true_events(self.events, self.seconds, self.labels)

    @property
    def clip_scores(self) -> dict[str, Scores]:
        return {clip: scores.max(axis=0) for clip, scores in self.scores.items()}


def scenes(
    number: int,
    classes: int,
    seed: int,
    *,
    seconds: float = 10.0,
    skill: float = 2.0,
    decimals: int = 3,
    most_events: int = 2,
) -> Scenes:
    """Return scenes whose scores follow the true events, with a drift and errors of their own."""
    generator = np.random.default_rng(seed)
    labels = [f"/m/{c}" for c in range(classes)]
    frames = 1 + int(seconds / HOP_S)
    middle = np.arange(frames) * HOP_S
    scores, rows = {}, []
    for number_of_clip in range(number):
        clip = f"scene-{number_of_clip:03d}"
        level = _drift(generator.normal(size=(frames, classes)), 9) * 1.5 - 1.5
        for c, label in enumerate(labels):
            for onset, offset in spans(
                generator, int(generator.integers(most_events + 1)), seconds
            ):
                rows.append((clip, label, onset, offset))
                shift = generator.normal(scale=0.08, size=2)
                sounding = (middle > onset + shift[0]) & (middle < offset + shift[1])
                level[sounding, c] += skill
        scores[clip] = (1 / (1 + np.exp(-level))).round(decimals).astype(np.float32)
    events = pd.DataFrame(rows, columns=schema.EVENTS.names)
    return Scenes(labels, scores, events, dict.fromkeys(scores, seconds))


def spans(generator: np.random.Generator, number: int, seconds: float) -> list[tuple[float, float]]:
    """Return times from and to, which do not overlap, some of them short."""
    bounds = np.sort(generator.uniform(0.05, seconds - 0.05, size=2 * number)).round(4)
    return [(float(a), float(b)) for a, b in bounds.reshape(-1, 2) if b > a]


def random_events(
    generator: np.random.Generator, labels: list[str], seconds: float, most: int = 4
) -> list[Event]:
    """Return events of which those of one class do not overlap."""
    return [
        Event(label, onset, offset)
        for label in labels
        for onset, offset in spans(generator, int(generator.integers(most + 1)), seconds)
    ]


def shaken(
    generator: np.random.Generator, events: list[Event], seconds: float, spread_s: float = 0.15
) -> list[Event]:
    """Return some of the events with their ends moved, as a detector would find them."""
    found = []
    for event in events:
        if generator.random() < 0.8:
            moved = np.clip(
                np.array([event.onset_s, event.offset_s])
                + generator.normal(scale=spread_s, size=2),
                0,
                seconds,
            )
            onset, offset = sorted(moved.tolist())
            last = found[-1] if found and found[-1].label == event.label else None
            if offset > onset and (last is None or onset > last.offset_s):
                found.append(Event(event.label, onset, offset))
    return found


def _drift(noise: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    kernel = np.ones(length) / np.sqrt(length)
    return np.stack([np.convolve(column, kernel, mode="same") for column in noise.T], axis=1)
