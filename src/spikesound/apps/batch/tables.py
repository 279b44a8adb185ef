"""The tables of a batch: its events, or probabilities, and its files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from spikesound.apps.annotations.labelled import one_line
from spikesound.apps.batch.record import Record
from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.extras import needing

Schema = Mapping[str, type]
"""Columns of a table with their types; any cell may be empty."""

EVENTS: Schema = {
    "filename": str,
    "onset": float,  # from the start of the file, in seconds
    "offset": float,
    "event_label": str,
    "score": float,
    "onset_time": str,  # ISO 8601; null if the start of the file is not known
    "offset_time": str,
    "recorder": str,
}
"""The first five columns are those of files of labels in CSV."""

MERGED_EVENTS: Schema = {**EVENTS, "recorders": str}
"""All recorders that have the event, between semicolons, the one with the best score first."""

SCORES: Schema = {
    "filename": str,
    "label": str,
    "probability": float,
    "start_time": str,
    "recorder": str,
}

FILES: Schema = {
    "filename": str,
    "state": str,  # ok or failed
    "reason": str,  # why it failed; else null
    "seconds": float,
    "rows": int,  # in the table of events or probabilities
    "start_time": str,
    "clock": str,  # what says the start
    "note": str,  # doubts about the start, or why it is not known
    "recorder": str,
    "gain": str,
    "sha256": str,  # of the file's content
}
"""One row for each file of the batch, in its order."""

Row = Mapping[str, Any]


def _csv(rows: Sequence[Row], schema: Schema) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(schema)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in schema])
    return text.getvalue().encode("utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else one_line(str(value))


def _parquet(rows: Sequence[Row], schema: Schema) -> bytes:
    with needing("pipeline"):
        import pyarrow as pa
        import pyarrow.parquet as pq

    types = {str: pa.string(), float: pa.float64(), int: pa.int64()}
    columns = {
        name: pa.array([row.get(name) for row in rows], types[kind])
        for name, kind in schema.items()
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


TABLES: dict[str, Callable[[Sequence[Row], Schema], bytes]] = {
    ".csv": _csv,
    ".parquet": _parquet,
}
"""What makes the bytes of a table, by the suffix of its file."""


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    SpikesoundError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(path) as file:
            file.write(content)
    except OSError as error:
        raise SpikesoundError(f"{path}: cannot be written: {error.strerror}") from error


def check_ours(paths: Iterable[Path], record: Record, *, force: bool) -> None:
    """Check that files which would be overwritten are this batch's own.

    Raises
    ------
    SpikesoundError
        If one exists that this batch has not written, or that was changed since; unless ``force``.
    """
    existing = [path for path in paths if path.exists()]
    if force:
        return
    others = [
        path
        for path in existing
        if not path.is_file() or sha256(path.read_bytes()).hexdigest() not in record.written
    ]
    if others:
        more = f" ({len(others)} such files)" if len(others) > 1 else ""
        raise SpikesoundError(f"{others[0]}: already exists{more}; use --force to overwrite")
