"""One event that several recorders have, counted once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spikesound.apps.batch.recording import Recording
from spikesound.tasks.detection.decision import Event


@dataclass(frozen=True)
class RecordedEvent:
    """An event of a file whose recorder is known.

    Attributes
    ----------
    file : name of the file
    event : with its times from the start of the file
    recording : origin of the file
    recorders : those that have the event, this one first
    """

    file: str
    event: Event
    recording: Recording
    recorders: tuple[str, ...]


def merge_recorders(detections: Sequence[RecordedEvent], tolerance_s: float) -> list[RecordedEvent]:
    """Return the detections, those that several recorders have of one event once.

    The detections of a label are processed by score, the highest first. Each takes in those of
    other recorders that are not taken yet and overlap with it by the clock, or lie at most the
    tolerance before or behind it. Detections of one recorder are never counted as one, and nothing
    is merged by way of a third: what does not overlap with the best one stays an event of its own.

    Parameters
    ----------
    detections : of recordings whose start is known
    tolerance_s : for clocks that differ, and the time that sound needs from one to the next

    Returns
    -------
    list
        The best detection of each event, with all recorders that have it, in their order.
    """
    by_label: dict[str, list[int]] = defaultdict(list)
    for number, detection in enumerate(detections):
        by_label[detection.event.label].append(number)
    recorders: dict[int, tuple[str, ...]] = {}
    for numbers in by_label.values():
        recorders |= _merge_label(detections, numbers, tolerance_s)
    return [
        replace(detections[number], recorders=recorders[number]) for number in sorted(recorders)
    ]


def _merge_label(
    detections: Sequence[RecordedEvent], numbers: list[int], tolerance_s: float
) -> dict[int, tuple[str, ...]]:
    """Return the recorders of each event, by the number of its best detection."""
    spans = {number: _span(detections[number]) for number in numbers}
    tolerance = round(tolerance_s * 1e6)
    in_time = sorted(numbers, key=lambda number: spans[number])
    onsets = [spans[number][0] for number in in_time]
    longest = max(last - first for first, last in spans.values())
    taken: set[int] = set()
    recorders: dict[int, tuple[str, ...]] = {}
    for best in sorted(
        numbers, key=lambda number: (-detections[number].event.score, spans[number])
    ):
        if best in taken:
            continue
        taken.add(best)
        own = detections[best].recording.recorder
        first, last = spans[best][0] - tolerance, spans[best][1] + tolerance
        near = in_time[bisect_left(onsets, first - longest) : bisect_right(onsets, last)]
        others = [
            number
            for number in near
            if number not in taken
            and spans[number][1] >= first
            and detections[number].recording.recorder != own
        ]
        taken.update(others)
        names = {detections[number].recording.recorder for number in others}
        recorders[best] = (own, *sorted(names))
    return recorders


def _span(detection: RecordedEvent) -> tuple[int, int]:
    event, recording = detection.event, detection.recording
    return recording.instant_us(event.onset_s), recording.instant_us(event.offset_s)
