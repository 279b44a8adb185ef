"""Hours of sound with a given share of events, mixed minute by minute from a fold's recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikesound.core.seeds import numpy_generator
from spikesound.data.scenes.background import CROSS_FADE_S, at_level, continued
from spikesound.data.scenes.drawing import Drawn, draw_events
from spikesound.data.scenes.material import Material, sample_at
from spikesound.data.scenes.mix import mix
from spikesound.params import ScenesParams
from spikesound.tasks.detection.decision import Event

HOUR_S = 3600.0


@dataclass(frozen=True)
class Minute:
    """A stretch of sound with one background, and its true events.

    Attributes
    ----------
    name : of the hour and of the minute in it
    samples : (sample,) in full scale
    """

    name: str
    samples: npt.NDArray[np.float32]
    events: list[Event]


def hour(
    material: Material, scenes: ScenesParams, *, share: float, minute_s: float, number: int
) -> Iterator[Minute]:
    """Yield the minutes of an hour in which events sound for a share of the time.

    Events are stretches of recordings as in the scenes that detectors are trained on: their
    lengths, levels over the background and the backgrounds' levels are drawn as there. No two
    sound at once. They are dealt to minutes at random, and lie in them at random.

    Parameters
    ----------
    material : recordings of one fold
    scenes : how events and backgrounds are drawn
    share : of the time; the last event is cut so that it is exact, but for what is shorter than the
        shortest event
    number : of the hour: another has other sound
    """
    generator = numpy_generator(scenes.seed, "hour", share, number)
    minute_ms, count = round(minute_s * 1000), round(HOUR_S / minute_s)
    placed = _placed(material, scenes, share, count, minute_ms, generator)
    rate_hz = scenes.rate_hz
    length, fade = sample_at(minute_ms, rate_hz), round(CROSS_FADE_S * rate_hz)
    for minute, drawn in enumerate(placed):
        behind = material.backgrounds[int(generator.integers(len(material.backgrounds)))]
        dbfs = generator.uniform(scenes.background_dbfs[0], scenes.background_dbfs[1])
        background = at_level(continued(behind.samples, length, fade, generator), dbfs)
        samples = mix(background, drawn, rate_hz).samples.astype(np.float32)
        events = [
            Event(each.recording.label, each.onset_ms / 1000, each.offset_ms / 1000)
            for each in drawn
        ]
        yield Minute(f"{number:03d}-{minute:03d}", samples, events)


def _placed(
    material: Material,
    scenes: ScenesParams,
    share: float,
    minutes: int,
    minute_ms: int,
    generator: np.random.Generator,
) -> list[list[Drawn]]:
    """Return the events of each minute, one after the other."""
    shortest, longest = (round(each * 1000) for each in scenes.event_s)
    room = [minute_ms] * minutes
    dealt: list[list[Drawn]] = [[] for _ in range(minutes)]
    left = round(share * minutes * minute_ms)
    while min(left, max(room)) >= shortest:
        event = draw_events(
            material,
            length_ms=2 * longest,
            count=(1, 1),
            event_ms=(shortest, longest),
            snr_db=(scenes.snr_db[0], scenes.snr_db[1]),
            generator=generator,
        )[0]
        lasts = min(event.offset_ms - event.onset_ms, left, max(room))
        fits = [minute for minute in range(minutes) if room[minute] >= lasts]
        minute = fits[int(generator.integers(len(fits)))]
        dealt[minute].append(replace(event, onset_ms=0, offset_ms=lasts))
        room[minute] -= lasts
        left -= lasts
    return [_in_a_row(events, free, generator) for events, free in zip(dealt, room, strict=True)]


def _in_a_row(events: list[Drawn], free: int, generator: np.random.Generator) -> list[Drawn]:
    """Place events with pauses between them that add up to the free time, evenly drawn."""
    pauses = np.sort(generator.integers(0, free, len(events), endpoint=True))
    placed, before = [], 0
    for event, pause in zip(events, pauses.tolist(), strict=True):
        onset = pause + before
        placed.append(replace(event, onset_ms=onset, offset_ms=onset + event.offset_ms))
        before += event.offset_ms
    return placed
