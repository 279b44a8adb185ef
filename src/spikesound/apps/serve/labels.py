"""Annotation files of the events that a page has collected."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.requests import Request

from spikesound.apps.annotations import Labelled
from spikesound.core.errors import SpikesoundError
from spikesound.models.loading import TrainedModel
from spikesound.tasks.detection.decision import Event

_BYTES = 32 * 2**20


async def read_body(request: Request) -> bytes:
    """Return the body of a request.

    Raises
    ------
    SpikesoundError
        If it is more than 32 MiB.
    """
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > _BYTES:
            raise SpikesoundError(f"too many events: expected at most {_BYTES // 2**20} MiB")
        pieces.append(piece)
    return b"".join(pieces)


def labelled(body: bytes, model: TrainedModel) -> Labelled:
    """Read the page's JSON: the sound's name, length, rate if known, and its events in any order.

    Raises
    ------
    SpikesoundError
        If it is anything else, or an event is of another class than the detector's.
    """
    try:
        content = json.loads(body)
        events = [_event(values) for values in content["events"]]
        columns = [model.labels.index(event.label) for event in events]
        order = sorted(range(len(events)), key=lambda i: (events[i].onset_s, columns[i]))
        seconds = _finite(content["sound_s"])
        high_hz = model.front_end.features.high_hz
        if content.get("rate_hz"):
            high_hz = min(high_hz, _finite(content["rate_hz"]) / 2)
        name = str(content["name"])[:500].encode("utf-8", "replace").decode()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SpikesoundError("expected a name, a length and events of this detector") from error
    return Labelled(name, seconds, model.name, high_hz, [events[i] for i in order])


def _event(values: Any) -> Event:
    onset_s, offset_s = _finite(values["onset_s"]), _finite(values["offset_s"])
    return Event(str(values["label"]), onset_s, offset_s, _finite(values["score"]))


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)) or number < 0:
        raise ValueError(f"expected a finite number of at least 0, got {value!r}")
    return number
