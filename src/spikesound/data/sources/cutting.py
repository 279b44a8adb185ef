"""Long recordings cut into clips, each with the sound events in it."""

from __future__ import annotations

import math

from spikesound.data.lists.event_files import Events, LabelledEvent

SHORTEST_S = 0.1
"""What a cut leaves of an event and is shorter is dropped: a frame or two, of no recognisable
sound. The rest of the event lies in the next clip."""


def pieces(start_s: float, end_s: float, longest_s: float | None) -> list[tuple[float, float]]:
    """Return the clips of a stretch of time: as few equal ones as are no longer than the limit.

    The cuts lie at whole milliseconds. Nothing of the stretch is left out.
    """
    if longest_s is None or end_s - start_s <= longest_s:
        return [(start_s, end_s)]
    count = math.ceil(round((end_s - start_s) / longest_s, 6))
    cuts = [round(start_s + (end_s - start_s) * at / count, 3) for at in range(1, count)]
    return list(zip([start_s, *cuts], [*cuts, end_s], strict=True))


def events_within(events: Events, start_s: float, end_s: float) -> Events:
    """Return the parts of events in a clip, in seconds from its start; see :data:`SHORTEST_S`."""
    parts = []
    for event in events:
        onset_s, offset_s = max(event.onset_s, start_s), min(event.offset_s, end_s)
        is_cut = offset_s - onset_s < event.offset_s - event.onset_s
        if offset_s - onset_s > 0 and not (is_cut and offset_s - onset_s < SHORTEST_S):
            onset_s, offset_s = round(onset_s - start_s, 6), round(offset_s - start_s, 6)
            parts.append(LabelledEvent(event.label, onset_s, offset_s))
    return tuple(parts)
