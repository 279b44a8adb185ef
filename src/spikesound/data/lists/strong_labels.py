"""AudioSet's strong labels: when each sound of a clip begins and ends, one row a sounding.

Source: S. Hershey et al., "The Benefit of Temporally-Strong Labels in Audio Event Classification",
ICASSP 2021. A tab-separated file with the columns ``segment_id, start_time_seconds,
end_time_seconds, label``, or as the DCASE community names them ``filename, event_label, onset,
offset``. A segment id is the video's id, ``_`` and the start of a clip of ten seconds in
milliseconds; times count from the clip's start.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import EVENTS
from spikesound.data.lists.segment_rows import (
    LONGEST_S,
    SEGMENTS,
    Check,
    not_an_id,
    reasons_of,
    without,
)
from spikesound.data.lists.text_lines import blocks, lines_at, rejected_table, set_aside

CLIP_S = 10.0
_COLUMNS = ("segment", "onset", "offset", "label")
_NAMES = {
    "segment_id": "segment",
    "filename": "segment",
    "start_time_seconds": "onset",
    "onset": "onset",
    "end_time_seconds": "offset",
    "offset": "offset",
    "label": "label",
    "event_label": "label",
}
_NUMBER = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


def is_strong(header: str) -> bool:
    """Tell by a file's first line whether it has strong labels."""
    return _columns(header) is not None


def label_column(header: str) -> int:
    """Return the position of the column of labels, by a file's first line.

    Raises
    ------
    SpikesoundError
        If it is not the header of strong labels.
    """
    columns = _columns(header.rstrip("\r\n"))
    if columns is None:
        raise SpikesoundError(f"not strong labels: no {', '.join(_COLUMNS)}")
    return columns.index("label")


def read_strong(
    path: Path,
    *,
    known: Collection[str] | None = None,
    media_id: re.Pattern[str] | None = None,
    name: str | None = None,
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Read a list of events, and set aside those that are damaged.

    Parameters are those of :func:`spikesound.data.lists.audioset.read_segments`.

    Returns
    -------
    segments
        Table SEGMENTS, one row per clip that has an event, in the order of their first lines: its
        labels are those of its events.
    events
        Table EVENTS, in the order of the lines.
    rejected
        Table REJECTED: rows with a missing column, an id of another form, a time that is not a
        number or outside the clip, an offset not after the onset, an unknown label, or an event
        that stands at an earlier line already.

    Raises
    ------
    SpikesoundError
        If the file is missing, not text, without the columns, or has no row at all.
    """
    name = name or str(path)
    columns = None
    parts, rejected = [], []
    for first, lines in blocks(path):
        if columns is None:
            columns = _columns(lines[0].as_py())
            if columns is None:
                raise SpikesoundError(f"{path}: not strong labels: no {', '.join(_COLUMNS)}")
            lines, first = lines[1:], first + 1
        rows, reasons = _parse(lines, first, columns)
        reasons |= _check(rows, known, media_id)
        parts.append(without(rows, reasons))
        rejected.append(set_aside(name, lines, first, reasons))
    if not sum(map(len, parts + rejected)):
        raise SpikesoundError(f"{path}: no events")
    rows = pa.concat_tables(parts).combine_chunks()
    rows, twice = _distinct(rows, path, name)
    return (
        _segments(rows),
        rows.select(EVENTS.names).cast(EVENTS),
        pa.concat_tables([*rejected, twice]),
    )


def _columns(header: str) -> list[str] | None:
    """Return our name for each column, or None if this is not the header of strong labels."""
    named = [_NAMES.get(cell.strip(), "") for cell in header.lstrip("#").split("\t")]
    return named if all(named.count(column) == 1 for column in _COLUMNS) else None


def _parse(
    lines: pa.StringArray, first: int, columns: list[str]
) -> tuple[pa.Table, dict[int, str]]:
    """Split lines into cells; times that are not numbers are NaN, ids that cannot be split null."""
    numbers = pa.array(np.arange(first, first + len(lines)), pa.int64())
    cells = pc.split_pattern(lines, "\t")
    filled = pc.not_equal(pc.utf8_trim_whitespace(lines), "")
    whole = pc.equal(pc.list_value_length(cells), len(columns))
    reasons = {
        line: f"not {len(columns)} columns: they are separated by tabs"
        for line in numbers.filter(pc.and_not(filled, whole)).to_pylist()
    }
    whole = pc.and_(filled, whole)
    cells = cells.filter(whole)
    at = {
        column: pc.utf8_trim_whitespace(pc.list_element(cells, columns.index(column)))
        for column in _COLUMNS
    }
    # The last underscore: ids have underscores in them.
    split = pc.extract_regex(at["segment"], r"^(?P<media_id>.+)_(?P<ms>[0-9]{1,12})$")
    start_ms = pc.cast(pc.struct_field(split, "ms"), pa.int64())
    ids = pc.struct_field(split, "media_id")
    rows = pa.table(
        {
            **at,
            "media_id": ids,
            "clip_id": pc.binary_join_element_wise(ids, pc.cast(start_ms, pa.string()), "_"),
            "start_s": pc.divide(pc.cast(start_ms, pa.float64()), 1000.0),
            "onset_s": _seconds(at["onset"]),
            "offset_s": _seconds(at["offset"]),
            "line": numbers.filter(whole),
        }
    )
    return rows, reasons


def _seconds(texts: pa.StringArray) -> pa.DoubleArray:
    numeric = pc.match_substring_regex(texts, _NUMBER)
    plain = pc.ascii_ltrim(texts, "+")  # Arrow reads no plus sign
    return pc.cast(pc.if_else(numeric, plain, "nan"), pa.float64())


def _check(
    rows: pa.Table, known: Collection[str] | None, media_id: re.Pattern[str] | None
) -> dict[int, str]:
    onset, offset = rows["onset_s"].to_numpy(), rows["offset_s"].to_numpy()
    checks: list[Check] = [
        (
            rows["media_id"].is_null().to_numpy()
            | (rows["start_s"].fill_null(0).to_numpy() >= LONGEST_S),
            lambda row: f"not a segment id: {row['segment']!r} is not an id, '_' and milliseconds",
        )
    ]
    if media_id is not None:
        checks.append(not_an_id(rows["media_id"].fill_null(""), media_id))
    checks += [
        (
            np.isnan(onset) | np.isnan(offset),
            lambda row: (
                f"not a time: {row['onset']!r} to {row['offset']!r} are not numbers of seconds"
            ),
        ),
        (
            ~((onset >= 0) & (offset <= CLIP_S)),
            lambda row: (
                f"outside the clip: {row['onset_s']:g} s to {row['offset_s']:g} s of {CLIP_S:g} s"
            ),
        ),
        (
            offset <= onset,
            lambda row: f"offset not after onset: {row['onset_s']:g} s to {row['offset_s']:g} s",
        ),
        (pc.equal(rows["label"], "").to_numpy(), lambda row: "no label: its column is empty"),
    ]
    if known is not None:
        labels, distinct = _codes(rows["label"])
        strange = np.array([label not in known for label in distinct.to_pylist()], bool)[labels]
        checks.append((strange, lambda row: f"unknown label: {row['label']}"))
    return reasons_of(rows, checks)


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.StringArray]:
    """Number the distinct values in the order of their first rows."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def _distinct(rows: pa.Table, path: Path, name: str) -> tuple[pa.Table, pa.Table]:
    """Reject duplicates of events at an earlier line."""
    keys = [_codes(rows["clip_id"])[0], _codes(rows["label"])[0]]
    keys += [rows[column].to_numpy() for column in ("onset_s", "offset_s")]
    order = np.lexsort(keys)  # stable: of equal events, the first stays first
    again = np.zeros(len(rows), bool)
    again[1:] = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
    first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))]
    lines = rows["line"].to_numpy()
    earlier_line = np.zeros(len(rows), np.int64)
    earlier_line[order] = np.where(again, lines[first], 0)
    twice = earlier_line > 0
    reasons = [
        f"duplicate: the event stands at line {line} already" for line in earlier_line[twice]
    ]
    numbers = lines[twice]
    text = lines_at(path, numbers) if len(numbers) else pa.array([], pa.string())
    rejected = rejected_table(name, numbers, text, pa.array(reasons, pa.string()))
    return rows.filter(pa.array(~twice)), rejected


def _segments(rows: pa.Table) -> pa.Table:
    """Gather the events of each clip."""
    clip, clips = _codes(rows["clip_id"])
    labels = pc.unique(rows["label"]).sort()
    label = pc.index_in(rows["label"], labels).to_numpy()
    width = max(len(labels), 1)
    pairs = np.unique(clip * width + label)
    per_clip = np.bincount(pairs // width, minlength=len(clips))
    offsets = pa.array(np.concatenate([[0], np.cumsum(per_clip)]), pa.int32())
    first = np.unique(clip, return_index=True)[1]
    start = rows["start_s"].to_numpy()[first]
    values = pa.DictionaryArray.from_arrays((pairs % width).astype(np.int32), labels)
    columns = {
        "media_id": rows["media_id"].take(pa.array(first)),
        "start_s": start,
        "end_s": start + CLIP_S,
        "labels": pa.ListArray.from_arrays(offsets, values),
        "line": rows["line"].take(pa.array(first)),
    }
    return pa.table(columns, schema=SEGMENTS)
