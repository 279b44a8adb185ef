"""Predictions in the formats of programs for annotating sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikesound.apps.annotations.audacity import audacity
from spikesound.apps.annotations.jams_file import jams
from spikesound.apps.annotations.labelled import Labelled
from spikesound.apps.annotations.raven import raven
from spikesound.apps.annotations.tables import csv, json, scores_csv, scores_json

__all__ = ["FORMATS", "SCORES", "Format", "Labelled"]


@dataclass(frozen=True)
class Format:
    """A file format of predictions.

    Attributes
    ----------
    suffix : of its files
    write : makes the text of one sound
    join : makes the text of several; None: the format has one file for each sound
    """

    suffix: str
    write: Callable[[Labelled], str]
    join: Callable[[Sequence[Labelled]], str] | None = None


FORMATS: dict[str, Format] = {
    "csv": Format(".csv", lambda sound: csv([sound]), csv),
    "json": Format(".json", lambda sound: json([sound], one=True), json),
    "audacity": Format(".txt", audacity),
    "raven": Format(".selections.txt", raven),
    "jams": Format(".jams", jams),
}
"""Of events, by the names that ``spikesound detect --format`` takes."""

SCORES: dict[str, Format] = {
    "csv": Format(".csv", lambda sound: scores_csv([sound]), scores_csv),
    "json": Format(".json", lambda sound: scores_json([sound], one=True), scores_json),
}
"""Of probabilities, by the names that ``spikesound predict --format`` takes."""
