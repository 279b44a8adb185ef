"""Material of scenes: the recordings of one fold, with the active spans of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from spikesound.audio.resampling import resample
from spikesound.core.errors import SpikesoundError

JOINED_S = 0.25
"""Active parts nearer than this are one: as the ear takes a barking dog's barks."""

SHORTEST_BACKGROUND_S = 1.0

FRAME_S = 0.025
HOP_S = 0.010

Wave = NDArray[np.float32]
"""A wave in full scale, ``(sample,)``."""

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Recorded:
    """A recording that is not read yet: its media id, label id, fold, and its file."""

    media_id: str
    label: str
    fold: str
    path: Path


@dataclass(frozen=True)
class Recording:
    """A recording at the scenes' rate.

    Attributes
    ----------
    media_id, label
        Its id, and its label's.
    samples
        ``(sample,)``.
    active_ms
        Start and end of each stretch that is not silent, in order.
    parts_ms
        What an event can be cut from: those of them that are near each other joined, and only the
        long ones.
    """

    media_id: str
    label: str
    samples: Wave
    active_ms: Spans = ()
    parts_ms: Spans = ()


@dataclass(frozen=True)
class Material:
    """The recordings of one fold: backgrounds, and by their label those that become events."""

    backgrounds: Sequence[Recording]
    events: Mapping[str, Sequence[Recording]]


def sample_at(time_ms: int, rate_hz: int) -> int:
    """Return the number of the sample nearest to a time."""
    return (time_ms * rate_hz + 500) // 1000


def read_background(source: Recorded, rate_hz: int, active_db: float) -> Recording:
    """Read a recording and cut off the silence at its ends.

    Raises
    ------
    SpikesoundError
        If it cannot be read, is silent, or less than 1 s is left of it.
    """
    samples = sounding(_read(source.path, rate_hz), rate_hz, active_db, str(source.path))
    return Recording(source.media_id, source.label, samples)


def sounding(samples: Wave, rate_hz: int, active_db: float, name: str) -> Wave:
    """Return a background without the silence at its ends.

    Raises
    ------
    SpikesoundError
        If less than 1 s is left; the message begins with ``name``.
    """
    spans = _active(samples, rate_hz, active_db)
    trimmed = samples[spans[0][0] : spans[-1][1]] if samples.any() else samples[:0]
    if len(trimmed) < SHORTEST_BACKGROUND_S * rate_hz:
        raise SpikesoundError(
            f"{name}: {len(trimmed) / rate_hz:.2f} s of sound in it; a background needs"
            f" {SHORTEST_BACKGROUND_S:g} s (active_db: {active_db:g})"
        )
    return trimmed


def read_event(source: Recorded, rate_hz: int, active_db: float, shortest_s: float) -> Recording:
    """Read a recording and find its active parts: see :func:`active_ms` and
    :func:`long_parts`.

    Raises
    ------
    SpikesoundError
        If it cannot be read, is silent, or is shorter than the shortest event.
    """
    samples = _read(source.path, rate_hz)
    length_ms = len(samples) * 1000 // rate_hz
    shortest_ms = round(shortest_s * 1000)
    if length_ms < shortest_ms:
        raise SpikesoundError(
            f"{source.path}: too short: got {length_ms / 1000:g} s; sources.scenes.event_s requires"
            f" {shortest_s:g} s at least"
        )
    active = active_ms(samples, rate_hz, active_db)
    parts = long_parts(active, length_ms, shortest_ms)
    return Recording(source.media_id, source.label, samples, active, parts)


def active_ms(samples: Wave, rate_hz: int, active_db: float) -> Spans:
    """Find the stretches of a recording that are not silent.

    These are frames of 25 ms, every 10 ms, whose root mean square is less than ``active_db`` below
    the loudest frame's.
    """
    spans_of_samples = _active(samples, rate_hz, active_db)
    last_ms = len(samples) * 1000 // rate_hz
    spans = ((start * 1000 // rate_hz, end * 1000 // rate_hz) for start, end in spans_of_samples)
    return tuple((start, min(max(end, start + 1), last_ms)) for start, end in spans)


def long_parts(active: Spans, length_ms: int, shortest_ms: int) -> Spans:
    """Join active stretches nearer than 0.25 s, and leave out those that are too short then.

    If all are, the longest stays, widened to ``shortest_ms`` on both sides alike, within the
    ``length_ms`` of the recording.
    """
    parts: list[tuple[int, int]] = []
    for start, end in active:
        near = parts and start - parts[-1][1] < JOINED_S * 1000
        parts.append((parts.pop()[0] if near else start, end))
    long_enough = tuple(part for part in parts if part[1] - part[0] >= shortest_ms)
    if long_enough:
        return long_enough
    start, end = max(parts, key=lambda part: part[1] - part[0])
    first = min(max((start + end - shortest_ms) // 2, 0), length_ms - shortest_ms)
    return ((first, first + shortest_ms),)


def _read(path: Path, rate_hz: int) -> Wave:
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; scenes are mixed of recordings on this disk")
    try:
        samples, from_hz = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise SpikesoundError(f"{path}: {error}") from error
    mono: Wave = samples.mean(axis=1)
    if not mono.any():
        raise SpikesoundError(f"{path}: silent")
    return resample(mono, from_hz, rate_hz)


def _active(samples: Wave, rate_hz: int, active_db: float) -> list[tuple[int, int]]:
    """Return where each stretch that is not silent begins and ends, in samples."""
    from librosa.effects import split  # here, since it takes a second to load

    spans = split(
        samples,
        top_db=active_db,
        frame_length=max(2, round(FRAME_S * rate_hz)),
        hop_length=max(1, round(HOP_S * rate_hz)),
    )
    return [(int(first), int(end)) for first, end in spans]
