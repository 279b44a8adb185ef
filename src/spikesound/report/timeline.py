"""The picture of a detector's output for a clip: probabilities and sound events over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikesound.report.families import Family
from spikesound.report.inputs import Clip
from spikesound.report.pictures import shortened, time_ticks
from spikesound.report.png import data_uri, tint
from spikesound.report.svg import Box, Panel, Picture
from spikesound.report.theme import COLOURS
from spikesound.tasks.detection.decision import Event

MOST_CLASSES = 10
_ROW_PX, _AXIS_PX = 20, 36
_BAR = 0.26  # height of a predicted event's bar, of its row's
_MARGIN = 0.06


def shown_classes(clip: Clip, labels: Sequence[str]) -> list[int]:
    """Return the columns of the classes that are drawn, in class order.

    All of few; of many those with a true or a predicted event, and then those with the highest
    probability.
    """
    if len(labels) <= MOST_CLASSES:
        return list(range(len(labels)))
    named = {event.label for event in clip.events}
    named |= {event.label for each in clip.detections.values() for event in each.events}
    highest = np.max([each.probabilities.max(0) for each in clip.detections.values()], axis=0)
    order = sorted(
        range(len(labels)), key=lambda column: (labels[column] not in named, -highest[column])
    )
    return sorted(order[:MOST_CLASSES])


def timeline(
    clip: Clip, model: str, labels: Sequence[str], names: Sequence[str], family: Family
) -> str:
    """Return a picture of one model's class probabilities, with true and predicted events.

    Parameters
    ----------
    labels, names : ids and display names in class order
    family : of the model, for its colour
    """
    detection = clip.detections[model]
    columns = shown_classes(clip, labels)
    span_s = len(detection.probabilities) / clip.frame_rate_hz
    rows = {labels[column]: place for place, column in enumerate(reversed(columns))}
    boxes = [
        _box(event, rows, span_s, filled=filled)
        for events, filled in ((clip.events, False), (detection.events, True))
        for event in events
        if event.label in rows
    ]
    image = detection.probabilities[:, columns].T.astype(np.float64)
    ticks = [((rows[labels[c]] + 0.5) / len(columns), shortened(names[c])) for c in columns]
    return Picture(
        [Panel(data_uri(image, tint(COLOURS[family])), x_ticks=time_ticks(span_s))],
        height_px=_ROW_PX * len(columns) + _AXIS_PX,
        alt=_alt(clip, model, dict(zip(labels, names, strict=True))),
        x_label="Time, s",
        y_ticks=ticks,
        boxes=boxes,
    ).svg()


def event_list(events: Sequence[Event], names: dict[str, str]) -> str:
    """Return sound events in words: ``Bark 0.2 to 1.4 s``; ``none`` where there are none."""
    each = [
        f"{names[event.label]} {event.onset_s:.1f} to {event.offset_s:.1f} s"
        for event in sorted(events, key=lambda event: event.onset_s)
    ]
    return ", ".join(each) or "none"


def _box(event: Event, rows: dict[str, int], span_s: float, *, filled: bool) -> Box:
    bottom, high = rows[event.label] / len(rows), 1 / len(rows)
    low = bottom + _MARGIN * high
    top = low + (_BAR if filled else 1 - 2 * _MARGIN) * high
    return Box(event.onset_s / span_s, min(1, event.offset_s / span_s), low, top, filled)


def _alt(clip: Clip, model: str, names: dict[str, str]) -> str:
    return (
        f"Class probabilities of {model} over time. True events: {event_list(clip.events, names)}. "
        f"Predicted: {event_list(clip.detections[model].events, names)}."
    )
