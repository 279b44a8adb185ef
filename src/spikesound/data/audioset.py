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

import pandas as pd

from spikesound.data.segment_rows import check, parse
from spikesound.errors import SpikesoundError
from spikesound.schema import REJECTED

_HEADER = "YTID, start_seconds, end_seconds, positive_labels"


def read_segments(
    path: Path | str,
    *,
    known: Collection[str] | None = None,
    media_id: re.Pattern[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
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

    Returns
    -------
    segments
        Columns media_id, start_s, end_s, labels (sorted and distinct) and line (1-based), one row
        per clip, in the file's order.
    rejected
        Table REJECTED: rows with an id that is missing or was lost in a spreadsheet, a time that is
        missing or not a number, an end not after the start, no label, an unknown label, or the
        start of a clip that stands at an earlier line already. The reason's text before its colon
        is the kind of damage.

    Raises
    ------
    SpikesoundError
        If the file is missing, not text, or has no row at all; the message names the file.
    """
    path = Path(path)
    lines = _read_lines(path)
    rows, reasons = parse(lines)
    if rows.empty and not reasons:
        raise SpikesoundError(f"{path}: no segments in it; rows are {_HEADER!r}")
    reasons |= check(rows, known, media_id)
    good = ~rows["line"].isin(list(reasons))
    return rows[good].reset_index(drop=True), _rejected(path, lines, reasons)


def refuse(rejected: pd.DataFrame) -> None:
    """Raise the error for the first rejected row, if there is one.

    Raises
    ------
    SpikesoundError
        One line naming the file and line of the row, what is wrong with it, and how many more.
    """
    if len(rejected):
        first = rejected.iloc[0]
        more = f"; {len(rejected)} damaged rows in all" if len(rejected) > 1 else ""
        raise SpikesoundError(
            f"{first['file']}, line {first['line']}: {first['reason']}, in {first['row']!r}{more}"
            " (filter.strict: false sets such rows aside)"
        )


def write_segments(segments: pd.DataFrame, path: Path | str) -> None:
    """Write columns media_id, start_s, end_s and labels as AudioSet's first dialect does.

    Times have three decimals, or as many as they need. The file appears whole or not at all.

    Raises
    ------
    SpikesoundError
        If an id or a label holds a character that the format has another use for, or a segment has
        no label.
    """
    path = Path(path)
    labels = sorted({label for row in segments["labels"] for label in row})
    for text in [*segments["media_id"], *labels]:
        if not re.fullmatch(r'[^#\s",][^\s",]*', text):
            raise SpikesoundError(f"{path}: {text!r} cannot stand in AudioSet's format")
    media = segments["media_id"].nunique()
    positive = sum(len(row) for row in segments["labels"])
    if not all(len(row) for row in segments["labels"]):
        raise SpikesoundError(
            f"{path}: a segment without a label cannot stand in AudioSet's format"
        )
    head = [
        f"# num_ytids={media}, num_segs={len(segments)}, "
        f"num_unique_labels={len(labels)}, num_positive_labels={positive}",
        f"# {_HEADER}",
    ]
    columns = (segments[name] for name in ("media_id", "start_s", "end_s", "labels"))
    body = [
        f'{media_id}, {_seconds(start_s)}, {_seconds(end_s)}, "{",".join(row)}"'
        for media_id, start_s, end_s, row in zip(*columns, strict=True)
    ]
    aside = path.with_name(path.name + ".part")
    aside.write_text("\n".join([*head, *body]) + "\n", encoding="utf-8")
    aside.replace(path)


def _seconds(value: float) -> str:
    short = f"{value:.3f}"
    return short if float(short) == value else repr(float(value))


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpikesoundError(f"{path}: not text in UTF-8 (byte {error.start})") from error
    return text.split("\n")


def _rejected(path: Path, lines: list[str], reasons: dict[int, str]) -> pd.DataFrame:
    ordered = sorted(reasons)
    return pd.DataFrame(
        {
            "file": pd.Series([str(path)] * len(ordered), dtype=object),
            "line": pd.Series(ordered, dtype="int64"),
            "row": pd.Series([lines[line - 1] for line in ordered], dtype=object),
            "reason": pd.Series([reasons[line] for line in ordered], dtype=object),
        },
        columns=REJECTED.names,
    )
