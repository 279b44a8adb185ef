"""Random draw of a scene's sound events and their times, before any sound is mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikesound.core.errors import SpikesoundError
from spikesound.data.scenes.material import Material, Recording, Spans

GAP_MS = 200
"""Two events of one label in a scene are so far apart at least: nearer they would be one."""

_ATTEMPTS = 1000


@dataclass(frozen=True)
class Drawn:
    """An event that is to be mixed: which stretch of which recording, where, and how loud."""

    recording: Recording
    source_onset_ms: int
    onset_ms: int
    offset_ms: int
    snr_db: float


def draw_events(
    material: Material,
    *,
    length_ms: int,
    count: tuple[int, int],
    event_ms: tuple[int, int],
    snr_db: tuple[float, float],
    generator: np.random.Generator,
) -> list[Drawn]:
    """Draw the events of one scene, in the order of their onsets.

    A label is drawn evenly, then one of its recordings and one of its active parts. A part that is
    not too long is taken whole, so that the sound begins and ends as it did; of a longer one, a
    stretch of a random length, less what is silent at its ends. Its place in the scene is drawn
    evenly, and everything again if it is nearer than 0.2 s to an event of the same label, or too
    short. Events of different labels may overlap.

    Parameters
    ----------
    material
        The fold's recordings.
    length_ms
        Of the scene.
    count, event_ms, snr_db
        Lowest and highest number of events, their length in ms, and their level in dB.
    generator
        Draws everything.

    Raises
    ------
    SpikesoundError
        If the events do not fit.
    """
    wanted = int(generator.integers(count[0], count[1], endpoint=True))
    drawn: list[Drawn] = []
    for _ in range(_ATTEMPTS):
        if len(drawn) == wanted:
            return sorted(drawn, key=lambda event: (event.onset_ms, event.recording.media_id))
        event = _draw(material, length_ms, event_ms, snr_db, generator)
        lasts_ms = event.offset_ms - event.onset_ms
        if lasts_ms >= event_ms[0] and not any(_collide(event, other) for other in drawn):
            drawn.append(event)
    raise SpikesoundError(f"sources.scenes.events: {wanted} events do not fit into {length_ms} ms")


def _draw(
    material: Material,
    length_ms: int,
    event_ms: tuple[int, int],
    snr_db: tuple[float, float],
    generator: np.random.Generator,
) -> Drawn:
    labels = sorted(material.events)
    recordings = material.events[labels[int(generator.integers(len(labels)))]]
    recording = recordings[int(generator.integers(len(recordings)))]
    start_ms, end_ms = recording.parts_ms[int(generator.integers(len(recording.parts_ms)))]
    lasts_ms = end_ms - start_ms
    if lasts_ms > event_ms[1]:
        lasts_ms = int(generator.integers(event_ms[0], event_ms[1], endpoint=True))
        start_ms = int(generator.integers(start_ms, end_ms - lasts_ms, endpoint=True))
        start_ms, end_ms = tightened(recording.active_ms, start_ms, start_ms + lasts_ms)
        lasts_ms = end_ms - start_ms
    onset_ms = int(generator.integers(0, length_ms - lasts_ms, endpoint=True))
    level_db = float(generator.uniform(*snr_db))
    return Drawn(recording, start_ms, onset_ms, onset_ms + lasts_ms, level_db)


def tightened(active: Spans, start_ms: int, end_ms: int) -> tuple[int, int]:
    """Return a span without the silence at its ends; one that is all silent ends as it starts.

    So that an event's onset is where it is first audible, not where its recording was cut.
    """
    within = [
        (max(start, start_ms), min(end, end_ms))
        for start, end in active
        if start < end_ms and end > start_ms
    ]
    return (within[0][0], within[-1][1]) if within else (start_ms, start_ms)


def _collide(one: Drawn, other: Drawn) -> bool:
    return (
        one.recording.label == other.recording.label
        and one.onset_ms < other.offset_ms + GAP_MS
        and other.onset_ms < one.offset_ms + GAP_MS
    )
