"""Predictions in the formats of programs for annotating sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from spikesound.apps.annotations.audacity import audacity
from spikesound.apps.annotations.jams_file import jams
from spikesound.apps.annotations.labelled import Labelled
from spikesound.apps.annotations.raven import raven
from spikesound.apps.annotations.tables import (
    csv,
    events_json,
    listed,
    scores_csv,
    scores_json,
    windows_json,
)

__all__ = ["FORMATS", "SCORES", "WINDOWS", "Format", "Labelled"]


@dataclass(frozen=True)
class Format:
    """A file format of predictions.

    Attributes
    ----------
    suffix : of its files
    write : makes the text of one sound
    join : makes the text of several, piece by piece as they come; None: the format has one file
        for each sound
    """

    suffix: str
    write: Callable[[Labelled], str]
    join: Callable[[Iterable[Labelled]], Iterator[str]] | None = None


FORMATS: dict[str, Format] = {
    "csv": Format(".csv", lambda sound: "".join(csv([sound])), csv),
    "json": Format(".json", events_json, partial(listed, each=events_json)),
    "audacity": Format(".txt", audacity),
    "raven": Format(".selections.txt", raven),
    "jams": Format(".jams", jams),
}
"""Of events, by the names that ``spikesound detect --format`` takes."""

SCORES: dict[str, Format] = {
    "csv": Format(".csv", lambda sound: "".join(scores_csv([sound])), scores_csv),
    "json": Format(".json", scores_json, partial(listed, each=scores_json)),
}
"""Of probabilities, by the names that ``spikesound predict --format`` takes."""

WINDOWS: dict[str, Format] = FORMATS | {
    "json": Format(".json", windows_json, partial(listed, each=windows_json))
}
"""Of probabilities in windows, each label's an event as long as the window, by the names that
``spikesound predict --window --format`` takes."""
