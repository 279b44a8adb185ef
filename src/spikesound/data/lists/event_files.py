"""Label files of one recording: sound events as Raven, Audacity, JAMS and CSV hold them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError, choose

ONSETS = ("onset", "onset_s", "start", "start_s", "begin", "begin time (s)")
OFFSETS = ("offset", "offset_s", "end", "end_s", "end time (s)")
LABELS = ("event_label", "label", "class", "annotation", "species", "code", "tag")
FILES = ("filename", "file", "file_name", "path")
"""Names of the columns of tables, in small letters; of several the first counts."""


@dataclass(frozen=True)
class LabelledEvent:
    """A sound event as somebody has labelled it; seconds from the recording's start."""

    label: str
    onset_s: float
    offset_s: float


Events = tuple[LabelledEvent, ...]


def read_events(path: Path) -> Events:
    """Read the label file of one recording; its suffix, and of ``.txt`` its head, say the format.

    Returns
    -------
    tuple of LabelledEvent
        By onset; none if the file lists none: nothing of a class sounds in the recording. What
        stands twice (a selection in each of Raven's views) is there once.

    Raises
    ------
    SpikesoundError
        If the format is unknown, the file is damaged, or one of its events has no label or is no
        stretch of time. It names the file and the line: a recording with an event less would be
        labelled wrongly.
    """
    reader = choose(READERS, path.suffix.lower(), f"label format ({path})")
    return _in_order(reader(path))


def label_files(sound: Path, beside: Iterable[Path]) -> list[Path]:
    """Return those of the files beside a recording that are named as its labels are.

    ``a.wav`` has ``a.txt``, ``a.csv`` or ``a.jams``, or Raven's ``a.selections.txt`` and
    ``a.Table.1.selections.txt``. ``a.wav.txt`` belongs to it too.
    """
    own = []
    for path in beside:
        stem = path.name.removesuffix(path.suffix)
        if path.name.lower().endswith(".selections.txt"):
            stem = path.name[: -len(".selections.txt")]
            view = stem.rpartition(".Table.")
            stem = view[0] if view[1] and view[2].isdecimal() else stem
        if path.suffix.lower() in READERS and stem in (sound.stem, sound.name):
            own.append(path)
    return own


def read_event_table(path: Path) -> dict[str, tuple[int, Events]]:
    """Read a CSV of the events of many recordings, as DCASE's tools write them.

    Returns
    -------
    dict
        By file as the table names it: the first line that does, and its events. A row without
        onset, offset and label says that its recording has no event.

    Raises
    ------
    SpikesoundError
        As :func:`read_events`; and if there is no column for the file.
    """
    lines: dict[str, int] = {}
    events: dict[str, list[LabelledEvent]] = {}
    for line, row in _rows(path, _text(path), (FILES, ONSETS, OFFSETS, LABELS)):
        name, *values = row
        if not name:
            raise SpikesoundError(f"{path}, line {line}: no file: its cell is empty")
        lines.setdefault(name, line)
        own = events.setdefault(name, [])
        if any(values):
            own.append(_event(path, f"line {line}", *values))
    return {name: (line, _in_order(events[name])) for name, line in lines.items()}


def _table(path: Path) -> list[LabelledEvent]:
    """Read a CSV, or a selection table of Raven."""
    rows = _rows(path, _text(path), (ONSETS, OFFSETS, LABELS))
    return [_event(path, f"line {line}", *row) for line, row in rows if any(row)]


def _labels_or_selections(path: Path) -> list[LabelledEvent]:
    """Read a label track of Audacity, or a selection table of Raven, which has a head."""
    text = _text(path)
    if text.lstrip().lower().startswith("selection\t"):
        return _table(path)
    events = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("\\"):  # the frequencies of the label before it
            continue
        cells = line.split("\t")
        if len(cells) < 3:
            raise SpikesoundError(
                f"{path}, line {number}: neither Audacity's labels (start, end and label between"
                " tabs) nor a selection table of Raven"
            )
        events.append(_event(path, f"line {number}", cells[0], cells[1], "\t".join(cells[2:])))
    return events


def _jams(path: Path) -> list[LabelledEvent]:
    """Read the observations of all annotations of a JAMS file whose values are labels."""
    try:
        annotations = json.loads(_text(path))["annotations"]
        observations = [each for annotation in annotations for each in annotation["data"]]
        spans = [
            (float(each["time"]), float(each["duration"]), each["value"]) for each in observations
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise SpikesoundError(f"{path}: not a JAMS file with observations ({error})") from error
    events = []
    for number, (time, duration, value) in enumerate(spans, 1):
        label: Any = value.get("label") if isinstance(value, Mapping) else value  # of Scaper
        if not isinstance(label, str):
            raise SpikesoundError(f"{path}, observation {number}: {value!r} is no label")
        events.append(_event(path, f"observation {number}", time, time + duration, label))
    return events


READERS: dict[str, Callable[[Path], list[LabelledEvent]]] = {
    ".txt": _labels_or_selections,
    ".csv": _table,
    ".tsv": _table,
    ".jams": _jams,
}
"""Readers of label files by suffix."""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SpikesoundError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpikesoundError(f"{path}: not a text in UTF-8: {error.reason}") from error


def _rows(
    path: Path, text: str, wanted: Sequence[Sequence[str]]
) -> list[tuple[int, tuple[str, ...]]]:
    """Return the wanted cells of each row of a table, each column by the first of its names."""
    lines = text.splitlines()
    tabs = bool(lines) and "\t" in lines[0]
    reader = csv.reader(lines, delimiter="\t" if tabs else ",", strict=not tabs)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        places = []
        for names in wanted:
            present = [name for name in names if name in header]
            if not present:
                raise SpikesoundError(
                    f"{path}: no column {names[0]!r} (or {', '.join(names[1:])}); columns:"
                    f" {', '.join(header)}"
                )
            places.append(header.index(present[0]))
        rows = []
        for cells in reader:
            if len(cells) <= max(places) and any(cells):
                raise SpikesoundError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells, not {len(header)}"
                )
            if any(cells):
                rows.append((reader.line_num, tuple(cells[place].strip() for place in places)))
    except csv.Error as error:
        raise SpikesoundError(f"{path}, line {reader.line_num}: not a CSV: {error}") from error
    return rows


def _event(
    path: Path, where: str, onset: str | float, offset: str | float, label: str
) -> LabelledEvent:
    try:
        onset_s, offset_s = float(onset), float(offset)
    except ValueError:
        raise SpikesoundError(
            f"{path}, {where}: {onset!r} to {offset!r} are not numbers of seconds"
        ) from None
    if not (onset_s >= 0 and math.isfinite(offset_s)):
        raise SpikesoundError(f"{path}, {where}: not a stretch of time: {onset} to {offset}")
    if offset_s <= onset_s:
        raise SpikesoundError(
            f"{path}, {where}: offset not after onset: {onset_s:g} s to {offset_s:g} s"
        )
    if not (name := label.strip()):
        raise SpikesoundError(f"{path}, {where}: no label")
    return LabelledEvent(name, onset_s, offset_s)


def _in_order(events: Iterable[LabelledEvent]) -> Events:
    return tuple(sorted(set(events), key=lambda each: (each.onset_s, each.offset_s, each.label)))
