"""The tables of a source that has its own labels, made from plain rows; and CSVs read with care."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from spikesound.core.errors import SpikesoundError, short
from spikesound.core.schema import CLIPS, EVENTS, REJECTED
from spikesound.data.lists.event_files import Events
from spikesound.data.ontology import Ontology
from spikesound.data.sources.source import Listing

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")
"""A media id, or a file's name, that can stand in a path of any system and leads nowhere else."""


@dataclass(frozen=True)
class Origin:
    """Origin of a listed thing: the file, its 1-based line (0: no line), the row as it stands."""

    file: str
    line: int
    row: str


@dataclass(frozen=True)
class Row:
    """A clip; its labels are the names that people read. Of its events, times are the clip's."""

    origin: Origin
    media_id: str
    recording: str
    start_s: float
    end_s: float
    labels: tuple[str, ...]
    fold: str
    events: Events = ()


Rejected = tuple[Origin, str]
"""Rejected rows, with reasons."""


@dataclass(frozen=True)
class CsvRow:
    """A row of a CSV: its cells by column, without blanks around them; or why there are none."""

    origin: Origin
    cells: dict[str, str]
    fault: str = ""


def slug(name: str) -> str:
    """Return the id of a label: its name in small letters, ``_`` for all but letters and digits."""
    return re.sub(r"\W+", "_", unicodedata.normalize("NFC", name).casefold()).strip("_")


def tabulate(rows: Iterable[Row], rejected: Iterable[Rejected]) -> tuple[Listing, Ontology]:
    """Make the tables of a source, and the flat ontology of its labels.

    A clip that stands twice is rejected, and so is one whose recording an earlier row puts into
    another fold.

    Raises
    ------
    SpikesoundError
        If two names of labels have one id, or a name has none.
    """
    names: dict[str, str] = {}
    clips: dict[str, Row] = {}
    folds: dict[str, str] = {}
    refused = list(rejected)
    for row in rows:
        clip_id = f"{row.media_id}_{round(row.start_s * 1000)}"
        fold = folds.setdefault(row.recording, row.fold)
        if clip_id in clips:
            first = clips[clip_id].origin
            where = f"at line {first.line}" if first.line else f"as {first.row}"
            refused.append((row.origin, f"duplicate: the clip stands {where} already"))
        elif fold != row.fold:
            refused.append((row.origin, f"in two folds: the recording is in {fold!r}"))
        else:
            clips[clip_id] = row
            for name in row.labels:
                _name(names, name, row.origin)
    made = [_clip(clip_id, row) for clip_id, row in sorted(clips.items())]
    listing = Listing(
        pa.Table.from_pylist(made, schema=CLIPS),
        pa.Table.from_pylist([_reason(*each) for each in refused], schema=REJECTED),
        pa.Table.from_pylist(
            [event for clip_id, row in sorted(clips.items()) for event in _events(clip_id, row)],
            schema=EVENTS,
        ),
    )
    return listing, Ontology(dict(sorted(names.items())), {})


def read_csv(
    path: Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> tuple[list[CsvRow], set[str]]:
    """Read a CSV with a header, in any case of letters.

    Parameters
    ----------
    columns, optional
        Names of the columns that must be there, and of those that may be.
    aliases
        Other names of a column, each with the name that it stands for.

    Returns
    -------
    rows
        Those that are not empty, with the columns requested.
    present
        The columns among ``optional`` that the file has. Others may be there, and are not read.

    Raises
    ------
    SpikesoundError
        If the file is missing, not a CSV in UTF-8, or has one of the columns not at all or twice.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = list(file)
        reader = csv.reader(lines, strict=True)
        header = [cell.strip() for cell in next(reader, [])]
        wanted = _columns(path, header, (*columns, *optional), aliases or {})
        missing = [name for name in columns if name not in wanted]
        if missing:
            hint = "; expected commas between columns" if len(header) == 1 else ""
            raise SpikesoundError(
                f"{path}: no column {missing[0]!r}; columns: {', '.join(header)}{hint}"
            )
        rows, before = [], reader.line_num
        for cells in reader:
            origin = Origin(str(path), before + 1, "".join(lines[before : reader.line_num]).strip())
            before = reader.line_num
            if len(cells) == len(header):
                values = {name: cells[column].strip() for name, column in wanted.items()}
                rows.append(CsvRow(origin, values))
            elif any(cells):
                rows.append(CsvRow(origin, {}, f"{len(cells)} cells, not {len(header)}"))
    except (csv.Error, ValueError) as error:
        raise SpikesoundError(f"{path}: not a CSV in UTF-8: {error}") from error
    return rows, wanted.keys() & set(optional)


def _columns(
    path: Path, header: Sequence[str], names: Sequence[str], aliases: Mapping[str, str]
) -> dict[str, int]:
    """Return the place of each column that the header has, by the name itself or an alias."""
    folded = [cell.casefold() for cell in header]
    places: dict[str, int] = {}
    for name in names:
        also = [alias for alias, meant in aliases.items() if meant == name]
        for wanted in (name.casefold(), *also):
            if folded.count(wanted) > 1:
                raise SpikesoundError(f"{path}: two columns {wanted!r}")
            if wanted in folded:
                places.setdefault(name, folded.index(wanted))
    return places


def _name(names: dict[str, str], name: str, origin: Origin) -> None:
    label = slug(name)
    if not label or names.setdefault(label, name) != name:
        other = f"the same label as {names[label]!r}" if label else "no name for a label"
        raise SpikesoundError(f"{origin.file}, {short(origin.row)}: {name!r} is {other}")


def _clip(clip_id: str, row: Row) -> dict[str, object]:
    return {
        "clip_id": clip_id,
        "media_id": row.media_id,
        "recording": row.recording,
        "start_s": row.start_s,
        "end_s": row.end_s,
        "labels": sorted({slug(name) for name in row.labels}),
        "fold": row.fold,
    }


def _events(clip_id: str, row: Row) -> list[dict[str, object]]:
    return [
        {
            "clip_id": clip_id,
            "label": slug(event.label),
            "onset_s": event.onset_s,
            "offset_s": event.offset_s,
        }
        for event in row.events
    ]


def _reason(origin: Origin, reason: str) -> dict[str, object]:
    return {"file": origin.file, "line": origin.line, "row": origin.row, "reason": reason}
