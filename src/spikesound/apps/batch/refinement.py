"""What is kept of the events of one sound: gaps closed, short ones left out, the best ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spikesound.apps.annotations import Labelled
from spikesound.core.errors import SpikesoundError
from spikesound.tasks.detection.decision import Event


@dataclass(frozen=True)
class Refinement:
    """Rules for the events of a sound, in the order in which they are applied.

    Attributes
    ----------
    merge_gap_s : events of a label with at most this between them become one, with the highest of
        their scores; None: none do
    min_duration_s : of an event that is kept
    top : how many events of a sound are kept, those with the highest scores; None: all

    Raises
    ------
    SpikesoundError
        If a time is negative or not finite.
    """

    merge_gap_s: float | None = None
    min_duration_s: float = 0.0
    top: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("merge-gap", self.merge_gap_s), ("min-duration", self.min_duration_s)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise SpikesoundError(f"--{name}: expected at least 0 s, got {value:g}")

    def __call__(self, sound: Labelled) -> Labelled:
        """Return the sound with the events that are kept, by onset."""
        if self == Refinement():
            return sound
        events: Sequence[Event] = sound.events
        if self.merge_gap_s is not None:
            events = close_gaps(events, self.merge_gap_s)
        # In microseconds, as files give times: 0.3 s is not shorter than 0.3 s by rounding.
        shortest = round(self.min_duration_s * 1e6)
        events = [each for each in events if _micros(each.onset_s, each.offset_s) >= shortest]
        if self.top is not None:
            best = sorted(events, key=lambda event: (-event.score, event.onset_s))[: self.top]
            events = sorted(best, key=lambda event: event.onset_s)
        return replace(sound, events=events)


def close_gaps(events: Sequence[Event], gap_s: float) -> list[Event]:
    """Return the events, those of a label with at most a gap between them as one, by onset."""
    merged: list[Event] = []
    last: dict[str, int] = {}  # by label: where its latest event is in the list
    for event in sorted(events, key=lambda event: event.onset_s):
        at = last.get(event.label)
        if at is not None and _micros(merged[at].offset_s, event.onset_s) <= round(gap_s * 1e6):
            before = merged[at]
            merged[at] = before._replace(
                offset_s=max(before.offset_s, event.offset_s), score=max(before.score, event.score)
            )
        else:
            last[event.label] = len(merged)
            merged.append(event)
    return merged


def _micros(from_s: float, to_s: float) -> int:
    return round((to_s - from_s) * 1e6)
