"""Counts of a list by label: its files and events, beside a published table of such counts.

References
----------
The tables compared with are those of bakhtos/GoogleAudioSetScripts: tab-separated, a row a label,
the columns ``class_id``, ``<list>_count`` of a weak list, ``<list>_event_count`` and
``<list>_file_count`` of a strong one, and the same with ``_downloaded`` behind them of what was
obtained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.merging import SegmentList
from spikesound.data.lists.strong_labels import label_column

LABEL = "class_id"
OBTAINED = "_downloaded"

Counts = dict[str, int]
"""By label."""


@dataclass(frozen=True)
class ListCounts:
    """Counts of one list, by label.

    Attributes
    ----------
    files : clips that have the label
    events : distinct events; None of a list without times
    repeated : rows of an event that stands at an earlier row already, which are no events
    """

    files: Counts
    events: Counts | None
    repeated: Counts


def count_list(listed: SegmentList) -> ListCounts:
    """Count a list: each clip once for each of its labels."""
    labels = listed.segments["labels"].combine_chunks().flatten()
    files = Counter(labels.to_pylist())
    if not len(listed.events):
        return ListCounts(dict(files), None, {})
    events = Counter(listed.events["label"].to_pylist())
    with listed.path.open(encoding="utf-8-sig") as lines:
        column = label_column(next(lines))
    repeated = Counter(
        row["row"].split("\t")[column].strip()
        for row in listed.rejected.to_pylist()
        if row["reason"].startswith("duplicate")
    )
    return ListCounts(dict(files), dict(events), dict(repeated))


def columns_of(name: str, counts: ListCounts) -> dict[str, Counts]:
    """Return a list's counts under the column names of the published tables.

    Events are counted as there: by rows, also those that repeat an event.

    Parameters
    ----------
    name : of the list there, such as ``weak_eval``; with ``_downloaded`` behind it of what was
        obtained of it
    """
    base, end = (name.removesuffix(OBTAINED), OBTAINED) if name.endswith(OBTAINED) else (name, "")
    if counts.events is None:
        return {f"{base}_count{end}": counts.files}
    rows = {label: count + counts.repeated.get(label, 0) for label, count in counts.events.items()}
    return {f"{base}_event_count{end}": rows, f"{base}_file_count{end}": counts.files}


def read_published(path: Path) -> pd.DataFrame:
    """Return a published table, labels as the index.

    Raises
    ------
    SpikesoundError
        If it is missing, or not such a table.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    try:
        table = pd.read_csv(path, sep="\t").set_index(LABEL).astype("int64")
    except (ValueError, KeyError) as error:
        raise SpikesoundError(
            f"{path}: not a table of counts: expected columns {LABEL!r} and whole numbers, tabs "
            "between"
        ) from error
    if twice := table.index[table.index.duplicated()].tolist():
        raise SpikesoundError(f"{path}: label {twice[0]!r} stands there twice")
    return table


@dataclass(frozen=True)
class Compared:
    """A column of a published table beside ours.

    Attributes
    ----------
    column : its name
    cells, equal : labels of the table, and how many of their counts are equal; equal is None where
        no list here has the column
    different : by label published and own count
    missing : labels of the list that the table lacks
    """

    column: str
    cells: int
    equal: int | None
    different: dict[str, tuple[int, int]]
    missing: list[str]


def compare(published: pd.DataFrame, ours: Mapping[str, Counts]) -> list[Compared]:
    """Compare a published table with our counts, column by column and cell by cell."""
    found = []
    for column in published.columns:
        cells = published[column]
        if column not in ours:
            found.append(Compared(column, len(cells), None, {}, []))
            continue
        own = ours[column]
        pairs = {str(label): (int(count), own.get(str(label), 0)) for label, count in cells.items()}
        different = {label: pair for label, pair in pairs.items() if pair[0] != pair[1]}
        missing = sorted(set(own) - set(pairs))
        found.append(Compared(column, len(cells), len(cells) - len(different), different, missing))
    return found


def shares_obtained(published: pd.DataFrame) -> dict[str, float]:
    """Return the share obtained, mean over labels, of columns with ``_downloaded`` beside them."""
    return {
        str(column): float((published[f"{column}{OBTAINED}"] / published[column]).mean())
        for column in published.columns
        if f"{column}{OBTAINED}" in published.columns
    }
