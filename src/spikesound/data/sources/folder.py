"""Sound files of your own: one sub-folder a label, or a CSV with the labels of each file."""

from __future__ import annotations

import hashlib
import math
import os
import re
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from spikesound.audio.lengths import SUFFIXES, lengths_s
from spikesound.core.errors import SpikesoundError
from spikesound.core.names import readable
from spikesound.core.projects import project_of_copy
from spikesound.data.sources.archive import inside
from spikesound.data.sources.collection import Collection, of_file
from spikesound.data.sources.dealing import deal_all
from spikesound.data.sources.tables import (
    SAFE_NAME,
    CsvRow,
    Origin,
    Rejected,
    Row,
    read_csv,
)

OPTIONAL = ("start_s", "end_s", "fold", "recording")
ALIASES = {"filename": "file", "file_name": "file", "path": "file", "class": "label"}
"""What others call the table's columns."""


@dataclass(frozen=True)
class _Entry:
    """A file, or a part of one; None and the empty text mean that a value is not given."""

    origin: Origin
    file: str  # within the folder
    labels: tuple[str, ...]
    recording: str
    start_s: float | None = None
    end_s: float | None = None
    fold: str = ""


class Folder(Collection):
    """Without ``table``, the label of a file is the first folder of its path.

    With it, the table's columns are file and label (several with commas between them, in quotes,
    or each in a row of its own) and, if they are there, start_s, end_s, fold and recording. Folds
    that no column gives are dealt by recording, which is the file unless a column says otherwise.
    """

    name = "folder"

    @cached_property
    def top(self) -> Path:
        """The folder that the files lie in."""
        folder = Path(self.params.folder)
        if not folder.is_dir():
            raise SpikesoundError(f"sources.{self.name}.folder: {folder}: no such folder{_hint()}")
        return folder

    @property
    def table(self) -> Path | None:
        """The CSV, if there is one."""
        return None if self.params.table is None else Path(self.params.table)

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        entries, refused = self._entries
        rejected = list(refused)
        folds = self._folds([entry for entry in entries if not entry.fold])
        lengths = lengths_s((self.top / entry.file for entry in entries), self.name)
        rows: list[Row] = []
        for entry in entries:
            length = lengths[self.top / entry.file]
            if isinstance(length, str):
                rejected.append((entry.origin, f"{readable(entry.file)}: {length}"))
                continue
            start_s = 0.0 if entry.start_s is None else entry.start_s
            end_s = length if entry.end_s is None else entry.end_s
            if not 0 <= start_s < end_s < math.inf:
                reason = f"not a stretch of time: {start_s:g} s to {end_s:g} s"
                rejected.append((entry.origin, reason))
                continue
            fold = entry.fold or folds[entry.recording]
            media_id, recording = media_id_of(entry.file), entry.recording
            rows.append(Row(entry.origin, media_id, recording, start_s, end_s, entry.labels, fold))
        return rows, rejected

    def locate(self, media_id: str) -> str:
        if media_id not in self._paths:
            raise SpikesoundError(f"{self.table or self.top}: has no recording {media_id!r}")
        return str(self._paths[media_id])

    @cached_property
    def _paths(self) -> dict[str, Path]:
        return {media_id_of(entry.file): self.top / entry.file for entry in self._entries[0]}

    @cached_property
    def _entries(self) -> tuple[list[_Entry], list[Rejected]]:
        entries, rejected = _scan(self.top) if self.table is None else _read(self.table, self.name)
        if not entries and not rejected:
            raise SpikesoundError(
                f"sources.{self.name}: no recordings in {self.table or self.top}{_hint()}"
            )
        return entries, rejected

    def _folds(self, entries: list[_Entry]) -> dict[str, str]:
        labels: dict[str, set[str]] = {}
        for entry in entries:
            labels.setdefault(entry.recording, set()).update(entry.labels)
        return deal_all(labels, self.params.folds, self.name)


def media_id_of(file: str) -> str:
    """Return the media id of a file by its path in the folder: the path itself, if it is a safe
    name, else what is safe of it and the first digits of its hash."""
    if SAFE_NAME.fullmatch(file):
        return file
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", file).strip("-._")[-80:].lstrip("-._")
    digits = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{safe or 'file'}-{digits}"


def _hint() -> str:
    """Return what to do where the folder is missing because Git does not have it."""
    if project_of_copy(Path.cwd()) is None:
        return ""
    return (
        "; DVC runs queued and --temp experiments in a copy of what Git has: give the absolute path"
        " of a folder outside the project, or run dvc exp run without --queue and --temp"
    )


def _scan(top: Path) -> tuple[list[_Entry], list[Rejected]]:
    entries: list[_Entry] = []
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
                others.append(readable(file.as_posix()))
            elif name.startswith("."):
                rejected.append((of_file(path), "a hidden file"))
            elif len(file.parts) == 1:
                rejected.append((of_file(path), "in no sub-folder, so it has no label"))
            else:
                name = file.as_posix()
                label = readable(file.parts[0])
                entries.append(_Entry(of_file(path), name, (label,), readable(name)))
    if others:
        some = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        print(f"{top}: {len(others)} files are no recordings: {some}", file=sys.stderr)
    return entries, rejected


def _read(table: Path, source: str) -> tuple[list[_Entry], list[Rejected]]:
    rows, present = read_csv(table, ("file", "label"), OPTIONAL, ALIASES)
    if len({"start_s", "end_s"} & present) == 1:
        raise SpikesoundError(f"{table}: one of start_s and end_s has no column (source {source})")
    entries: list[_Entry] = []
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


def _gathered(entries: list[_Entry]) -> list[_Entry]:
    """Gather the labels of rows that differ in nothing else: one row a label is one clip."""
    clips: dict[tuple[object, ...], _Entry] = {}
    again: list[_Entry] = []
    for entry in entries:
        key = (entry.file, entry.recording, entry.start_s, entry.end_s, entry.fold)
        labels = clips[key].labels if key in clips else ()
        if set(labels) & set(entry.labels):
            again.append(entry)
        else:
            clips[key] = replace(clips.get(key, entry), labels=labels + entry.labels)
    return [*clips.values(), *again]


def _entry(row: CsvRow) -> _Entry | str:
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
    return _Entry(row.origin, file, labels, recording, times[0], times[1], fold)
