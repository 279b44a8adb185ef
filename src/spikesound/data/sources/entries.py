"""Entries of a folder of sound files: each file, or part of one, with its labels."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from spikesound.audio.lengths import SUFFIXES
from spikesound.core.errors import SpikesoundError
from spikesound.core.names import readable
from spikesound.data.lists.event_files import (
    READERS,
    Events,
    label_files,
    read_event_table,
    read_events,
)
from spikesound.data.sources.archive import inside
from spikesound.data.sources.collection import of_file
from spikesound.data.sources.tables import CsvRow, Origin, Rejected, read_csv

OPTIONAL = ("start_s", "end_s", "fold", "recording")
ALIASES = {"filename": "file", "file_name": "file", "path": "file", "class": "label"}
"""What others call the table's columns."""

Entries = tuple[list["Entry"], list[Rejected]]


@dataclass(frozen=True)
class Entry:
    """A file, or a part of one; None and the empty text mean that a value is not given."""

    origin: Origin
    file: str  # within the folder
    labels: tuple[str, ...]
    recording: str
    start_s: float | None = None
    end_s: float | None = None
    fold: str = ""
    events: Events = ()


def by_folder(top: Path) -> Entries:
    """Return the recordings of a folder; the label of each is the first folder of its path."""
    files, rejected = _recordings(top)
    entries = []
    for file in files:
        if len(file.parts) == 1:
            rejected.append((of_file(top / file), "in no sub-folder, so it has no label"))
        else:
            name, label = file.as_posix(), readable(file.parts[0])
            entries.append(Entry(of_file(top / file), name, (label,), readable(name)))
    return entries, rejected


def by_label_files(top: Path) -> Entries:
    """Return the recordings of a folder with the events of the label files beside them."""
    files, rejected = _recordings(top, READERS)
    entries = []
    for file in files:
        path = top / file
        own = label_files(path, sorted(path.parent.iterdir()))
        if len(own) == 1:
            try:
                entries.append(_with_events(of_file(path), file.as_posix(), read_events(own[0])))
            except SpikesoundError as error:
                rejected.append((of_file(path), str(error)))
        elif own:
            names = ", ".join(each.name for each in own)
            rejected.append((of_file(path), f"{readable(file.name)}: several label files: {names}"))
        else:
            rejected.append((of_file(path), _no_labels(path)))
    return entries, rejected


def by_event_table(table: Path) -> Entries:
    """Return the recordings that a CSV of events names."""
    entries: list[Entry] = []
    rejected: list[Rejected] = []
    for name, (line, events) in read_event_table(table).items():
        origin, file = Origin(str(table), line, name), inside(name)
        if file is None or file == ".":
            rejected.append((origin, f"refused: {name!r} leads outside the folder"))
        else:
            entries.append(_with_events(origin, file, events))
    return entries, rejected


def _with_events(origin: Origin, file: str, events: Events) -> Entry:
    labels = tuple(sorted({event.label for event in events}))
    return Entry(origin, file, labels, readable(file), events=events)


def _no_labels(path: Path) -> str:
    stem, name = readable(path.stem), readable(path.name)
    valid = ", ".join(f"{stem}{suffix}" for suffix in (".txt", ".selections.txt", ".jams", ".csv"))
    others = [
        readable(each.name)
        for each in sorted(path.parent.iterdir())
        if each != path and each.stem == path.stem and each.suffix.lower() not in SUFFIXES
    ]
    if others:
        return f"{name}: {others[0]} is of no known label format; valid: {valid}"
    return f"{name}: no label file beside it; expected one of {valid}"


def _recordings(top: Path, labels: Iterable[str] = ()) -> tuple[list[Path], list[Rejected]]:
    """Return the sound files beneath a folder, by their paths in it.

    Parameters
    ----------
    labels : suffixes of files that are no recordings, and no surprise
    """
    files: list[Path] = []
    rejected: list[Rejected] = []
    others: list[str] = []
    for folder, below, names in os.walk(top):
        here = Path(folder)
        hidden = sorted(name for name in below if name.startswith("."))
        rejected += [(of_file(here / name), "a hidden folder, not entered") for name in hidden]
        below[:] = sorted(set(below) - set(hidden))
        links = [name for name in below if (here / name).is_symlink()]
        rejected += [(of_file(here / name), "a link to a folder, not followed") for name in links]
        for name in sorted(names):
            path = here / name
            file = path.relative_to(top)
            if path.suffix.lower() not in SUFFIXES:
                if path.suffix.lower() not in labels:
                    others.append(readable(file.as_posix()))
            elif name.startswith("."):
                rejected.append((of_file(path), "a hidden file"))
            else:
                files.append(file)
    if others:
        some = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        print(f"{top}: {len(others)} files are no recordings: {some}", file=sys.stderr)
    return files, rejected


def by_table(table: Path, source: str) -> Entries:
    """Return what the rows of a CSV name; see :class:`spikesound.data.sources.folder.Folder`."""
    rows, present = read_csv(table, ("file", "label"), OPTIONAL, ALIASES)
    if len({"start_s", "end_s"} & present) == 1:
        raise SpikesoundError(f"{table}: one of start_s and end_s has no column (source {source})")
    entries: list[Entry] = []
    rejected: list[Rejected] = []
    for row in rows:
        entry = _entry(row)
        if isinstance(entry, str):
            rejected.append((row.origin, entry))
        elif "fold" in present and not entry.fold:
            rejected.append((row.origin, "no fold: its cell is empty"))
        else:
            entries.append(entry)
    return _gathered(entries), rejected


def _gathered(entries: list[Entry]) -> list[Entry]:
    """Gather the labels of rows that differ in nothing else: one row a label is one clip."""
    clips: dict[tuple[object, ...], Entry] = {}
    again: list[Entry] = []
    for entry in entries:
        key = (entry.file, entry.recording, entry.start_s, entry.end_s, entry.fold)
        labels = clips[key].labels if key in clips else ()
        if set(labels) & set(entry.labels):
            again.append(entry)
        else:
            clips[key] = replace(clips.get(key, entry), labels=labels + entry.labels)
    return [*clips.values(), *again]


def _entry(row: CsvRow) -> Entry | str:
    """Return the content of a row of the table, or why it cannot be used."""
    if row.fault:
        return row.fault
    file = inside(row.cells["file"])
    if file is None:
        return f"refused: {row.cells['file']!r} leads outside the folder"
    if file == ".":
        return "no file: its cell is empty"
    labels = tuple(name.strip() for name in row.cells["label"].split(",") if name.strip())
    if not labels:
        return "no label: its cell is empty"
    times: list[float | None] = []
    for name in ("start_s", "end_s"):
        text = row.cells.get(name, "")
        try:
            times.append(float(text) if text else None)
        except ValueError:
            return f"{name}: {text!r} is not a number of seconds"
    fold, recording = row.cells.get("fold", ""), row.cells.get("recording", "") or file
    return Entry(row.origin, file, labels, recording, times[0], times[1], fold)
