"""Annotation files of the events that a page has collected and a person has corrected."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request

from spikesound.apps.annotations import Format, Labelled
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


def labelled(body: bytes, model: TrainedModel) -> list[Labelled]:
    """Read the page's JSON: of each sound its name, length, rate if known, and events in any order.

    Labels are the detector's classes, or what a person wrote instead.

    Raises
    ------
    SpikesoundError
        If it is anything else.
    """
    try:
        return [_labelled(sound, model) for sound in json.loads(body)["sounds"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SpikesoundError(
            "expected sounds, each with a name, a length, and events with label, onset, later "
            "offset and score"
        ) from error


def write(sounds: Sequence[Labelled], format: Format) -> tuple[bytes, str]:
    """Return the labels of all sounds and the suffix: one file, or a ZIP of a file for each sound.

    Raises
    ------
    SpikesoundError
        If there is no sound, or the format needs a package that is missing.
    """
    if not sounds:
        raise SpikesoundError("no sound to write labels of")
    if len(sounds) == 1:
        return format.write(sounds[0]).encode(), format.suffix
    if format.join is not None:
        return "".join(format.join(sounds)).encode(), format.suffix
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, sound in zip(_names(sounds), sounds, strict=True):
            archive.writestr(f"{name}{format.suffix}", format.write(sound))
    return content.getvalue(), f"{format.suffix}.zip"


def _names(sounds: Sequence[Labelled]) -> list[str]:
    """Return a name without folders and suffix for each sound; the second ``a`` becomes ``a-2``."""
    names: list[str] = []
    for sound in sounds:
        stem = PurePosixPath(sound.file.replace("\\", "/")).stem or "sound"
        name, number = stem, 1
        while name in names:
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return names


def _labelled(content: Any, model: TrainedModel) -> Labelled:
    order = {label: column for column, label in enumerate(model.labels)}
    events = [_event(values) for values in content["events"]]
    events.sort(key=lambda each: (each.onset_s, order.get(each.label, len(order)), each.label))
    high_hz = model.front_end.features.high_hz
    if content.get("rate_hz"):
        high_hz = min(high_hz, _finite(content["rate_hz"]) / 2)
    return Labelled(
        _text(content["name"]), _finite(content["sound_s"]), model.name, high_hz, events
    )


def _event(values: Any) -> Event:
    onset_s, offset_s = _finite(values["onset_s"]), _finite(values["offset_s"])
    if onset_s > offset_s:
        raise ValueError(f"expected an offset after {onset_s:g} s, got {offset_s:g} s")
    return Event(_text(values["label"]), onset_s, offset_s, _finite(values["score"]))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a text, got {value!r}")
    return value[:500].encode("utf-8", "replace").decode()


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)) or number < 0:
        raise ValueError(f"expected a finite number of at least 0, got {value!r}")
    return number
