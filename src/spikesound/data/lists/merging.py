"""Merging of lists of segments: each is read in its own form, and a clip is taken once."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spikesound.core.schema import EVENTS, REJECTED
from spikesound.data.lists.audioset import read_segments
from spikesound.data.lists.strong_labels import is_strong, read_strong
from spikesound.data.lists.text_lines import blocks, lines_at, rejected_table


@dataclass(frozen=True)
class SegmentList:
    """A list that was read.

    Attributes
    ----------
    name
        What people call it, in the table of rejected rows: a path or an address.
    path
        Where it lies.
    segments, events, rejected
        Tables SEGMENTS, EVENTS and REJECTED.
    """

    name: str
    path: Path
    segments: pa.Table
    events: pa.Table
    rejected: pa.Table


def read_list(
    path: Path,
    *,
    known: Collection[str] | None = None,
    media_id: re.Pattern[str] | None = None,
    name: str | None = None,
) -> SegmentList:
    """Read a list of segments or of events; its first line tells which it is.

    Raises
    ------
    SpikesoundError
        As :func:`~spikesound.data.lists.audioset.read_segments` and
        :func:`~spikesound.data.lists.strong_labels.read_strong` do.
    """
    name = name or str(path)
    header = next((lines[0].as_py() for _, lines in blocks(path)), "")
    if is_strong(header):
        segments, events, rejected = read_strong(path, known=known, media_id=media_id, name=name)
    else:
        segments, rejected = read_segments(path, known=known, media_id=media_id, name=name)
        events = EVENTS.empty_table()
    return SegmentList(name, path, segments, events, rejected)


@dataclass(frozen=True)
class Merged:
    """The clips of several lists.

    Attributes
    ----------
    clip_ids
        Each id once, sorted: the media id, ``_`` and the start in milliseconds.
    position
        Of each clip in the lists' segments, one list after the other.
    rejected
        Table REJECTED: clips that stand in an earlier line or list already.
    """

    clip_ids: pa.ChunkedArray
    position: NDArray[np.int64]
    rejected: pa.Table


def merge(lists: list[SegmentList]) -> Merged:
    """Find the distinct clips of lists: the first of each, by list and line."""
    ids = pa.chunked_array(
        [chunk for each in lists for chunk in clip_ids(each.segments).chunks], pa.string()
    )
    order = pc.sort_indices(ids)  # stable: of equal ids, the first stays first
    ids = ids.take(order)
    position = order.to_numpy().view(np.int64)
    again = np.zeros(len(position), bool)
    again[1:] = pc.equal(ids[1:], ids[:-1]).to_numpy()
    if not again.any():
        return Merged(ids, position, REJECTED.empty_table())
    earlier = position[np.maximum.accumulate(np.where(again, 0, np.arange(len(position))))]
    rejected = _duplicates(lists, position[again], earlier[again])
    return Merged(ids.filter(pa.array(~again)), position[~again], rejected)


def clip_ids(segments: pa.Table) -> pa.ChunkedArray:
    """Return the ids of the clips of a table SEGMENTS."""
    start_ms = pc.cast(pc.round(pc.multiply(segments["start_s"], 1000.0)), pa.int64())
    return pc.binary_join_element_wise(segments["media_id"], pc.cast(start_ms, pa.string()), "_")


def list_of(lists: list[SegmentList], position: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the list in which each position lies."""
    ends = np.cumsum([len(each.segments) for each in lists])
    return np.searchsorted(ends, position, side="right")


def reject(lists: list[SegmentList], position: NDArray[np.int64], reasons: pa.Array) -> pa.Table:
    """Return the table REJECTED of segments, in the order of lists and lines."""
    if not len(position):
        return REJECTED.empty_table()
    by_line = np.argsort(position)
    position, reasons = position[by_line], reasons.take(pa.array(by_line))
    number, line = list_of(lists, position), _lines(lists)[position]
    tables = []
    for which in np.unique(number):
        here = number == which
        each = lists[which]
        text = lines_at(each.path, line[here])
        tables.append(rejected_table(each.name, line[here], text, reasons.filter(pa.array(here))))
    return pa.concat_tables(tables)


def _lines(lists: list[SegmentList]) -> NDArray[np.int64]:
    return np.concatenate([each.segments["line"].to_numpy() for each in lists])


def _duplicates(
    lists: list[SegmentList], position: NDArray[np.int64], earlier: NDArray[np.int64]
) -> pa.Table:
    earlier_list = list_of(lists, earlier)
    line = pc.cast(pa.array(_lines(lists)[earlier]), pa.string())
    names = pa.array([f" of {each.name}" for each in lists], pa.string())
    same = pa.array(earlier_list == list_of(lists, position))
    where = pc.if_else(same, "", names.take(pa.array(earlier_list)))
    reasons = pc.binary_join_element_wise(
        "duplicate: the clip stands at line ", line, where, " already", ""
    )
    return reject(lists, position, reasons)
