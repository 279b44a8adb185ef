"""Events and probabilities as CSV (RFC 4180) and JSON."""

from __future__ import annotations

import csv as csv_module
import io
import json as json_module
from collections.abc import Iterable, Sequence
from typing import Any

from spikesound.apps.annotations.labelled import Labelled, one_line

EVENT_COLUMNS = ("filename", "onset", "offset", "event_label", "score")
"""The first four are those that the tools of DCASE read (sed_eval, dcase_util); in seconds."""

SCORE_COLUMNS = ("filename", "label", "probability")


def csv(sounds: Sequence[Labelled]) -> str:
    """Return one row an event; a sound without events has none."""
    rows = (
        (sound.file, f"{e.onset_s:.6f}", f"{e.offset_s:.6f}", e.label, f"{e.score:.6f}")
        for sound in sounds
        for e in sound.events
    )
    return _csv(EVENT_COLUMNS, rows)


def scores_csv(sounds: Sequence[Labelled]) -> str:
    """Return one row a sound and label."""
    rows = (
        (sound.file, label, f"{probability:.6f}")
        for sound in sounds
        for label, probability in sound.probabilities.items()
    )
    return _csv(SCORE_COLUMNS, rows)


def json(sounds: Sequence[Labelled], *, one: bool = False) -> str:
    """Return a list of objects, one a sound; or the object of the ``one`` that there is."""

    def events(sound: Labelled) -> list[dict[str, Any]]:
        return [
            {
                "label": event.label,
                "onset_s": round(event.onset_s, 6),
                "offset_s": round(event.offset_s, 6),
                "score": round(event.score, 6),
            }
            for event in sound.events
        ]

    return _json([_head(sound) | {"events": events(sound)} for sound in sounds], one)


def scores_json(sounds: Sequence[Labelled], *, one: bool = False) -> str:
    """Return a list of objects, one a sound; or the object of the ``one`` that there is."""

    def scores(sound: Labelled) -> dict[str, float]:
        return {label: round(value, 6) for label, value in sound.probabilities.items()}

    return _json([_head(sound) | {"probabilities": scores(sound)} for sound in sounds], one)


def _head(sound: Labelled) -> dict[str, Any]:
    return {"file": sound.file, "seconds": round(sound.seconds, 6), "model": sound.model}


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv_module.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([one_line(cell) for cell in row] for row in rows)  # for tools that read lines
    return text.getvalue()


def _json(objects: list[dict[str, Any]], one: bool) -> str:
    return json_module.dumps(objects[0] if one else objects, indent=1, ensure_ascii=False) + "\n"
