"""Events and probabilities as CSV (RFC 4180) and JSON."""

from __future__ import annotations

import csv as csv_module
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from spikesound.apps.annotations.labelled import Labelled, one_line

EVENT_COLUMNS = ("filename", "onset", "offset", "event_label", "score")
"""The first four are those that the tools of DCASE read (sed_eval, dcase_util); in seconds."""

SCORE_COLUMNS = ("filename", "label", "probability")


def csv(sounds: Iterable[Labelled]) -> Iterator[str]:
    """Yield the head, and the rows of each sound, one an event; a sound without events has none."""
    yield _csv([EVENT_COLUMNS])
    for sound in sounds:
        yield _csv(
            (sound.file, f"{e.onset_s:.6f}", f"{e.offset_s:.6f}", e.label, f"{e.score:.6f}")
            for e in sound.events
        )


def scores_csv(sounds: Iterable[Labelled]) -> Iterator[str]:
    """Yield the head, and the rows of each sound, one a label."""
    yield _csv([SCORE_COLUMNS])
    for sound in sounds:
        yield _csv(
            (sound.file, label, f"{probability:.6f}")
            for label, probability in sound.probabilities.items()
        )


def listed(sounds: Iterable[Labelled], each: Callable[[Labelled], str]) -> Iterator[str]:
    """Yield a list of the objects that ``each`` makes as JSON, one a sound, piece by piece."""
    before = "["
    for sound in sounds:
        yield f"{before}\n{each(sound).rstrip()}"
        before = ","
    yield "\n]\n" if before == "," else "[]\n"


def events_json(sound: Labelled) -> str:
    """Return an object with the sound's events."""
    return _json(sound, {"events": _events(sound)})


def windows_json(sound: Labelled) -> str:
    """Return an object with the sound's windows: label, times and probability."""
    return _json(sound, {"windows": _events(sound)})


def scores_json(sound: Labelled) -> str:
    """Return an object with the sound's probabilities, by label."""
    scores = {label: round(value, 6) for label, value in sound.probabilities.items()}
    return _json(sound, {"probabilities": scores})


def _events(sound: Labelled) -> list[dict[str, Any]]:
    return [
        {
            "label": event.label,
            "onset_s": round(event.onset_s, 6),
            "offset_s": round(event.offset_s, 6),
            "score": round(event.score, 6),
        }
        for event in sound.events
    ]


def _json(sound: Labelled, content: dict[str, Any]) -> str:
    head = {"file": sound.file, "seconds": round(sound.seconds, 6), "model": sound.model}
    return json.dumps(head | content, indent=1, ensure_ascii=False) + "\n"


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv_module.writer(text, lineterminator="\n")
    writer.writerows([one_line(cell) for cell in row] for row in rows)  # for tools that read lines
    return text.getvalue()
