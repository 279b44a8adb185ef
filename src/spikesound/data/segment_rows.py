"""Rows of a segment list: the lines of a CSV split into fields, and the checks on them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SEGMENTS = ("media_id", "start_s", "end_s", "labels", "line")
"""Columns of a segment list: a CSV row, its labels sorted and distinct, and its 1-based line."""

_SPREADSHEET_ERROR = re.compile(r"#(NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!|N/A)", re.IGNORECASE)

# The rows that are as they should be, nearly all of them: read in one pass by RE2.
_PLAIN_ROW = (
    r'^(?P<media_id>[^#\s",][^\s",]*),[ ]*'
    r"(?P<start_s>[0-9]+(?:\.[0-9]+)?),[ ]*"
    r"(?P<end_s>[0-9]+(?:\.[0-9]+)?),[ ]*"
    r'(?:"(?P<quoted>[^\s",]+(?:,[^\s",]+)*)"|(?P<bare>[^\s",]+))[ ]*$'
)


def parse(lines: list[str]) -> tuple[pd.DataFrame, dict[int, str]]:
    """Split lines into fields.

    Returns
    -------
    rows
        Columns SEGMENTS, in the order of the lines, not yet checked.
    reasons
        Why the others cannot be read, by 1-based line. Comments, a header and empty lines are in
        neither.
    """
    rows, plain = _parse_plain(lines)
    odd: list[tuple[str, float, float, str, int]] = []
    reasons: dict[int, str] = {}
    for index in np.flatnonzero(~plain):
        row = _parse_odd(lines[index])
        if isinstance(row, str):
            reasons[int(index) + 1] = row
        elif row is not None:
            odd.append((*row, int(index) + 1))
    if odd:
        rows = pd.concat([rows, pd.DataFrame(odd, columns=list(SEGMENTS))], ignore_index=True)
        rows = rows.sort_values("line", ignore_index=True)
    codes, distinct = pd.factorize(rows["labels"])
    lists = [sorted(set(text.split(","))) for text in distinct]
    rows["labels"] = pd.Series([list(lists[code]) for code in codes], dtype=object)
    return rows, reasons


def _parse_plain(lines: list[str]) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Read the lines that are plain, labels still in one text; and tell which ones they are."""
    found = pc.extract_regex(pa.array(lines, pa.string()), _PLAIN_ROW)
    plain: NDArray[np.bool_] = np.asarray(found.is_valid())
    names = [field.name for field in found.type]
    column = dict(zip(names, found.drop_null().flatten(), strict=True))
    rows = pd.DataFrame(
        {
            "media_id": column["media_id"].to_pandas(),
            "start_s": pc.cast(column["start_s"], pa.float64()).to_pandas(),
            "end_s": pc.cast(column["end_s"], pa.float64()).to_pandas(),
            # One of the two is empty.
            "labels": pc.binary_join_element_wise(column["quoted"], column["bare"], "").to_pandas(),
            "line": np.flatnonzero(plain) + 1,
        }
    )
    return rows, plain


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
    rows: pd.DataFrame, known: Collection[str] | None, media_id: re.Pattern[str] | None
) -> dict[int, str]:
    """Return the reason by line for each row that can be read and yet makes no clip."""
    start, end = rows["start_s"], rows["end_s"]
    timed = np.isfinite(start) & np.isfinite(end) & (start >= 0)
    checks: list[tuple[pd.Series, Callable[[Any], str]]] = [
        (~timed, lambda row: f"not a time: {row.start_s:g} s to {row.end_s:g} s"),
        (end <= start, lambda row: f"end not after start: {row.start_s:g} s to {row.end_s:g} s"),
    ]
    if media_id is not None:
        form = media_id.pattern
        fits = pc.match_substring_regex(pa.array(rows["media_id"]), f"^(?:{form})$").to_pandas()
        checks.append((~fits, lambda row: f"not an id: {row.media_id!r} is not of the form {form}"))
    if known is not None:
        strange = {label for row in rows["labels"] for label in row}.difference(known)
        bad = pd.Series([not strange.isdisjoint(row) for row in rows["labels"]], rows.index, bool)
        checks.append(
            (bad, lambda row: f"unknown label: {_join(strange.intersection(row.labels))}")
        )
    reasons: dict[int, str] = {}
    for bad, why_of in checks:
        for line, row in zip(rows.loc[bad, "line"].tolist(), rows[bad].itertuples(), strict=True):
            reasons.setdefault(line, why_of(row))
    return reasons | _duplicates(rows[~rows["line"].isin(list(reasons))])


def _join(labels: set[str]) -> str:
    return ", ".join(sorted(labels))


def _duplicates(rows: pd.DataFrame) -> dict[int, str]:
    # A clip is named by its recording and the millisecond it starts at.
    key = [rows["media_id"], (rows["start_s"] * 1000).round()]
    first = rows.groupby(key)["line"].transform("min")
    again = rows["line"] != first
    return {
        line: f"duplicate: the clip stands at line {there} already"
        for line, there in zip(rows.loc[again, "line"].tolist(), first[again].tolist(), strict=True)
    }
