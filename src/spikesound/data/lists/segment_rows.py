"""Rows of a segment list: the lines of a CSV split into fields, and the checks on them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spikesound.data.lists.label_sets import CODED, LabelSets

SEGMENTS = pa.schema(
    [
        ("media_id", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("labels", CODED),  # sorted and distinct
        ("line", pa.int64()),  # 1-based
    ]
)
"""A row of a segment list."""

LONGEST_S = 1e9
"""No recording is as long as that: 31 years."""

_SPREADSHEET_ERROR = re.compile(r"#(NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!|N/A)", re.IGNORECASE)

# The rows that are as they should be, nearly all of them: read in one pass by RE2.
_PLAIN_ROW = (
    r'^(?P<media_id>[^#\s",][^\s",]*),[ ]*'
    r"(?P<start_s>[0-9]+(?:\.[0-9]+)?),[ ]*"
    r"(?P<end_s>[0-9]+(?:\.[0-9]+)?),[ ]*"
    r'(?:"(?P<quoted>[^\s",]+(?:,[^\s",]+)*)"|(?P<bare>[^\s",]+))[ ]*$'
)


def parse(lines: pa.StringArray, first: int = 1) -> tuple[pa.Table, dict[int, str]]:
    """Split lines into fields.

    Parameters
    ----------
    lines
        Lines of a file.
    first
        The 1-based number of the first of them.

    Returns
    -------
    rows
        Table SEGMENTS, in the order of the lines, not yet checked.
    reasons
        Why the others cannot be read, by line. Comments, a header and empty lines are in neither.
    """
    columns, plain = _parse_plain(lines, first)
    odd: list[tuple[str, float, float, str, int]] = []
    reasons: dict[int, str] = {}
    for index in np.flatnonzero(~plain).tolist():
        row = _parse_odd(lines[index].as_py())
        if isinstance(row, str):
            reasons[first + index] = row
        elif row is not None:
            odd.append((*row, first + index))
    if odd:
        more = [
            pa.array(cells, to.type)
            for cells, to in zip(zip(*odd, strict=True), columns, strict=True)
        ]
        columns = [pa.concat_arrays(both) for both in zip(columns, more, strict=True)]
        order = pc.sort_indices(columns[-1])
        columns = [column.take(order) for column in columns]
    labels = LabelSets.of(pa.chunked_array([pc.split_pattern(columns[3], ",")]))
    columns[3] = labels.in_order().coded()
    return pa.table(columns, schema=SEGMENTS), reasons


def _parse_plain(lines: pa.StringArray, first: int) -> tuple[list[pa.Array], NDArray[np.bool_]]:
    """Read the lines that are plain, labels still in one text; and tell which ones they are."""
    groups = pc.extract_regex(lines, _PLAIN_ROW)
    plain: NDArray[np.bool_] = np.asarray(groups.is_valid())
    names = [field.name for field in groups.type]
    column = dict(zip(names, groups.drop_null().flatten(), strict=True))
    columns = [
        column["media_id"],
        pc.cast(column["start_s"], pa.float64()),
        pc.cast(column["end_s"], pa.float64()),
        # One of the two is empty.
        pc.binary_join_element_wise(column["quoted"], column["bare"], ""),
        pa.array(np.flatnonzero(plain) + first, pa.int64()),
    ]
    return columns, plain


def _parse_odd(line: str) -> tuple[str, float, float, str] | str | None:
    """Read one line that is not plain: its fields, or why it cannot be read, or None to skip it."""
    if line.startswith("#") and not _SPREADSHEET_ERROR.match(line):
        return None
    try:
        cells = next(csv.reader([line.rstrip()], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        return f"not CSV: {error}"
    fields = [cell.strip() for cell in cells]
    if not any(fields) or [field.lower() for field in fields[1:2]] == ["start_seconds"]:
        return None
    media_id, start, end, *rest = [*fields, "", "", ""] if len(fields) < 4 else fields
    if _SPREADSHEET_ERROR.match(media_id):
        return f"id lost in a spreadsheet: {media_id!r}"
    if not media_id:
        return "no id: the first column is empty"
    times = []
    for name, text in (("start", start), ("end", end)):
        try:
            times.append(float(text))
        except ValueError:
            return f"no {name} time: {text!r} is not a number of seconds"
    labels = [label.strip() for field in rest for label in field.split(",")]
    joined = ",".join(filter(None, labels))
    if not joined:
        return "no label: the fourth column is empty"
    return media_id, times[0], times[1], joined


def check(
    rows: pa.Table, known: Collection[str] | None, media_id: re.Pattern[str] | None
) -> dict[int, str]:
    """Return the reason by line for each row that can be read and yet makes no clip.

    Parameters
    ----------
    rows
        Table SEGMENTS.
    known
        Label ids that exist. None takes any.
    media_id
        Pattern that a whole id must match. None takes any.
    """
    start, end = rows["start_s"].to_numpy(), rows["end_s"].to_numpy()
    checks = [
        (
            ~((start >= 0) & (end <= LONGEST_S)),
            lambda row: f"not a time: {row['start_s']:g} s to {row['end_s']:g} s",
        ),
        (
            end <= start,
            lambda row: f"end not after start: {row['start_s']:g} s to {row['end_s']:g} s",
        ),
    ]
    if media_id is not None:
        checks.append(not_an_id(rows["media_id"], media_id))
    if known is not None:
        labels = rows["labels"].combine_chunks()
        values = labels.flatten()
        strange = {name for name in values.dictionary.to_pylist() if name not in known}
        other = np.array([name in strange for name in values.dictionary.to_pylist()], bool)
        bad = np.zeros(len(rows), bool)
        parents = pc.list_parent_indices(labels).to_numpy()
        bad[parents[other[values.indices.to_numpy()]]] = True
        checks.append((bad, lambda row: f"unknown label: {_join(strange, row['labels'])}"))
    return reasons_of(rows, checks)


Check = tuple[NDArray[np.bool_], Callable[[dict[str, Any]], str]]
"""Rows that are bad, and the reason for one."""


def not_an_id(media_ids: pa.ChunkedArray, form: re.Pattern[str]) -> Check:
    """Check the column media_id: a whole id must match the pattern."""
    fits = pc.match_substring_regex(media_ids, f"^(?:{form.pattern})$").to_numpy()
    return ~fits, lambda row: f"not an id: {row['media_id']!r} is not of the form {form.pattern}"


def reasons_of(rows: pa.Table, checks: list[Check]) -> dict[int, str]:
    """Return the first complaint about each bad row, by its line."""
    reasons: dict[int, str] = {}
    for bad, why in checks:
        if bad.any():
            for row in rows.filter(pa.array(bad)).to_pylist():
                reasons.setdefault(row["line"], why(row))
    return reasons


def without(rows: pa.Table, reasons: Mapping[int, str]) -> pa.Table:
    """Return the rows whose line has no reason against it."""
    if not reasons:
        return rows
    lines = pa.array(list(reasons), pa.int64())
    return rows.filter(pc.invert(pc.is_in(rows["line"], lines)))


def _join(strange: Collection[str], labels: list[str]) -> str:
    return ", ".join(label for label in labels if label in strange)
