"""Sound files of your own: one sub-folder a label, a CSV of labels, or label files beside them."""

from __future__ import annotations

import hashlib
import math
import re
from functools import cached_property
from pathlib import Path

from spikesound.audio.lengths import lengths_s
from spikesound.core.errors import SpikesoundError
from spikesound.core.names import readable
from spikesound.core.projects import project_of_copy
from spikesound.data.sources.collection import Collection
from spikesound.data.sources.cutting import events_within, pieces
from spikesound.data.sources.dealing import deal_all
from spikesound.data.sources.entries import (
    Entries,
    Entry,
    by_event_table,
    by_folder,
    by_label_files,
    by_table,
)
from spikesound.data.sources.tables import SAFE_NAME, Rejected, Row

BESIDE = "beside"
"""Value of ``events``: a label file beside each sound file."""

LATEST_S = 0.1
"""An event that ends so little after its recording, as decoded here, ends with it."""


class Folder(Collection):
    """Without ``table``, the label of a file is the first folder of its path.

    With it, the table's columns are file and label (several with commas between them, in quotes,
    or each in a row of its own) and, if they are there, start_s, end_s, fold and recording. Folds
    that no column gives are dealt by recording, which is the file unless a column says otherwise.

    With ``events`` the labels are those of sound events, with their times: in a label file beside
    each sound file, or in a CSV. A recording whose labels cannot be read is rejected as a whole.
    Longer recordings than ``cut_s`` are cut into clips, which share a fold.
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

    @property
    def events(self) -> Path | None:
        """The CSV of sound events, if there is one."""
        given = self.params.events
        return None if given in (None, BESIDE) else Path(given)

    @property
    def has_folds(self) -> bool:
        """Whether a table gives the folds."""
        return any(entry.fold for entry in self._entries[0])

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        entries, refused = self._entries
        rejected = list(refused)
        lengths = lengths_s((self.top / entry.file for entry in entries), self.name)
        spans: list[tuple[Entry, float, float]] = []
        for entry in entries:
            span = _span(entry, lengths[self.top / entry.file])
            if isinstance(span, str):
                rejected.append((entry.origin, span))
            else:
                spans.append((entry, *span))
        folds = self._folds([entry for entry, _, _ in spans if not entry.fold])
        rows = [
            row
            for entry, start_s, end_s in spans
            for row in self._clips(entry, start_s, end_s, entry.fold or folds[entry.recording])
        ]
        return rows, rejected

    def _clips(self, entry: Entry, start_s: float, end_s: float, fold: str) -> list[Row]:
        media_id, labelled = media_id_of(entry.file), self.params.events is not None
        rows = []
        for onset_s, offset_s in pieces(start_s, end_s, self.params.cut_s):
            events = events_within(entry.events, onset_s, offset_s)
            labels = tuple({event.label for event in events}) if labelled else entry.labels
            clip = (entry.origin, media_id, entry.recording, onset_s, offset_s)
            rows.append(Row(*clip, labels, fold, events))
        return rows

    def locate(self, media_id: str) -> str:
        if media_id not in self._paths:
            where = self.events or self.table or self.top
            raise SpikesoundError(f"{where}: has no recording {media_id!r}")
        return str(self._paths[media_id])

    @cached_property
    def _paths(self) -> dict[str, Path]:
        return {media_id_of(entry.file): self.top / entry.file for entry in self._entries[0]}

    @cached_property
    def _entries(self) -> tuple[list[Entry], list[Rejected]]:
        entries, rejected = self._listed()
        if not entries and not rejected:
            where = self.events or self.table or self.top
            raise SpikesoundError(f"sources.{self.name}: no recordings in {where}{_hint()}")
        return entries, rejected

    def _listed(self) -> Entries:
        if self.params.events is None:
            return by_folder(self.top) if self.table is None else by_table(self.table, self.name)
        if self.table is not None:
            raise SpikesoundError(
                f"sources.{self.name}: table and events are both given; expected one of them"
            )
        return by_label_files(self.top) if self.events is None else by_event_table(self.events)

    def _folds(self, entries: list[Entry]) -> dict[str, str]:
        labels: dict[str, set[str]] = {}
        for entry in entries:
            labels.setdefault(entry.recording, set()).update(entry.labels)
        return deal_all(labels, self.params.folds, self.name)


def _span(entry: Entry, length: float | str) -> tuple[float, float] | str:
    """Return from when to when an entry of a recording lasts, or why it cannot be used."""
    name = readable(entry.file)
    if isinstance(length, str):
        return f"{name}: {length}"
    start_s = 0.0 if entry.start_s is None else entry.start_s
    end_s = length if entry.end_s is None else entry.end_s
    if not 0 <= start_s < end_s < math.inf:
        return f"not a stretch of time: {start_s:g} s to {end_s:g} s"
    late = [event for event in entry.events if event.offset_s > length + LATEST_S]
    if late:
        times = f"{late[0].onset_s:g} s to {late[0].offset_s:g} s"
        return f"{name}: event {late[0].label!r}, {times}: outside the recording of {length:g} s"
    return start_s, end_s


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
