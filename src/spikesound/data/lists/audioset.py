"""Segment lists in AudioSet's own CSV format, read in all its dialects and written.

One row a clip: ``YTID, start_seconds, end_seconds, "label,label"``. AudioSet itself publishes two
dialects (with spaces and every list quoted; without spaces and a single label bare), and a
spreadsheet makes a third: labels spilled over unquoted columns, empty columns behind them, and ids
such as ``-abc`` turned into ``#NAME?``. A row that cannot be read is handed back with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError, short
from spikesound.data.lists.segment_rows import SEGMENTS, check, parse, without
from spikesound.data.lists.text_lines import blocks, set_aside

_HEADER = "YTID, start_seconds, end_seconds, positive_labels"


def read_segments(
    path: Path,
    *,
    known: Collection[str] | None = None,
    media_id: re.Pattern[str] | None = None,
    name: str | None = None,
) -> tuple[pa.Table, pa.Table]:
    """Read a segment list, and set aside the rows that are damaged.

    Parameters
    ----------
    path
        CSV in AudioSet's format. Lines that begin with ``#`` are comments, unless they begin with a
        spreadsheet's error (``#NAME?``); a header line and empty lines are skipped.
    known
        Label ids that exist; a row with another one is rejected. None takes any label.
    media_id
        Pattern that a whole id must match. None takes any id.
    name
        What the file is called in the table of rejected rows; None: its path.

    Returns
    -------
    segments
        Table SEGMENTS, one row per clip, in the file's order. A clip may stand there twice:
        :func:`spikesound.data.lists.merging.merge` finds that out.
    rejected
        Table REJECTED: rows with an id that is missing or was lost in a spreadsheet, a time that is
        missing or not a number, an end not after the start, no label or an unknown one. The
        reason's text before its colon is the kind of damage.

    Raises
    ------
    SpikesoundError
        If the file is missing, not text, or has no row at all; the message names the file.
    """
    parts, rejected = [SEGMENTS.empty_table()], []
    for first, lines in blocks(path):
        rows, reasons = parse(lines, first)
        reasons |= check(rows, known, media_id)
        parts.append(without(rows, reasons))
        rejected.append(set_aside(name or str(path), lines, first, reasons))
    if not sum(map(len, parts + rejected)):
        raise SpikesoundError(f"{path}: no segments; expected rows {_HEADER!r}")
    return pa.concat_tables(parts), pa.concat_tables(rejected)


def refuse(rejected: pa.Table) -> None:
    """Raise the error for the first damaged row, if there is one.

    What is rejected without a line, such as a file that is no clip, is not damage.

    Raises
    ------
    SpikesoundError
        One line naming the file and line of the row, what is wrong with it, and how many more.
    """
    damaged = rejected.filter(pc.greater(rejected["line"], 0))
    if len(damaged):
        first = damaged.slice(0, 1).to_pylist()[0]
        more = f"; {len(damaged)} damaged rows in all" if len(damaged) > 1 else ""
        raise SpikesoundError(
            f"{first['file']}, line {first['line']}: {short(first['reason'])}, in"
            f" {short(first['row'])!r}{more}"
            " (filter.strict: false sets such rows aside)"
        )


def write_segments(segments: pa.Table, path: Path) -> None:
    """Write columns media_id, start_s, end_s and labels as AudioSet's first dialect does.

    Times have three decimals, or as many as they need. The file appears whole or not at all.

    Raises
    ------
    SpikesoundError
        If an id or a label holds a character that the format has another use for, or a segment has
        no label.
    """
    media = pc.unique(segments["media_id"]).to_pylist()
    positive = segments["labels"].combine_chunks().flatten()
    labels = pc.unique(positive).to_pylist()
    for text in [*media, *labels]:
        if not re.fullmatch(r'[^#\s",][^\s",]*', text):
            raise SpikesoundError(f"{path}: {text!r} is not allowed in AudioSet's format")
    if pc.any(pc.equal(pc.list_value_length(segments["labels"]), 0)).as_py():
        raise SpikesoundError(f"{path}: AudioSet's format has no segment without a label")
    head = (
        f"# num_ytids={len(media)}, num_segs={len(segments)}, "
        f"num_unique_labels={len(labels)}, num_positive_labels={len(positive)}\n# {_HEADER}\n"
    )
    with written_aside(path) as file:
        file.write(head.encode())
        for batch in segments.to_batches(max_chunksize=100_000):
            file.writelines(map(_line, batch.to_pylist()))


def _line(row: dict[str, object]) -> bytes:
    start, end, labels = row["start_s"], row["end_s"], row["labels"]
    assert isinstance(start, float)
    assert isinstance(end, float)
    assert isinstance(labels, list)
    text = f'{row["media_id"]}, {seconds(start)}, {seconds(end)}, "{",".join(labels)}"\n'
    return text.encode()


def seconds(value: float) -> str:
    """Return a time with three decimals, or as many as it needs to be read back equal."""
    short = f"{value:.3f}"
    return short if float(short) == value else repr(float(value))
