"""The labels that the page asks for: of the events that it has gathered."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.requests import Request

from spikesound.apps.annotations import Labelled
from spikesound.core.errors import SpikesoundError
from spikesound.models.detector_spec import DetectorSpec
from spikesound.tasks.detection.decision import Event

_BYTES = 32 * 2**20


async def read_body(request: Request) -> bytes:
    """Return what the page sent.

    Raises
    ------
    SpikesoundError
        If it is more than 32 MiB.
    """
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > _BYTES:
            raise SpikesoundError("more events than are written at once")
        pieces.append(piece)
    return b"".join(pieces)


def labelled(body: bytes, spec: DetectorSpec) -> Labelled:
    """Read the page's JSON: the sound's name, its length and its events, in any order.

    Raises
    ------
    SpikesoundError
        If it is something else, or an event is of another class than the detector's.
    """
    try:
        found = json.loads(body)
        events = [_event(values) for values in found["events"]]
        columns = [spec.names.index(event.label) for event in events]
        order = sorted(range(len(events)), key=lambda i: (events[i].onset_s, columns[i]))
        seconds = _finite(found["sound_s"])
        name = str(found["name"])[:500].encode("utf-8", "replace").decode()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SpikesoundError("these are no events of this detector") from error
    high_hz = spec.front_end.features.high_hz
    return Labelled(name, seconds, spec.model, high_hz, [events[i] for i in order])


def _event(values: Any) -> Event:
    onset_s, offset_s = _finite(values["onset_s"]), _finite(values["offset_s"])
    return Event(str(values["label"]), onset_s, offset_s, _finite(values["score"]))


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)) or number < 0:
        raise ValueError(f"{value!r} is no time and no score")
    return number
