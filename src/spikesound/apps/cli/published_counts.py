"""Counts of lists by label beside published tables, for ``spikesound counts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.label_counts import (
    LABEL,
    Counts,
    columns_of,
    compare,
    count_list,
    read_published,
    shares_obtained,
)
from spikesound.data.lists.merging import read_list

SHOWN = 5
"""Differing cells that are named."""


def counted(lists: Sequence[str]) -> dict[str, Counts]:
    """Count lists given as NAME=FILE; return the columns by name.

    Raises
    ------
    SpikesoundError
        If one has another form, stands there twice, or cannot be read.
    """
    ours: dict[str, Counts] = {}
    for given in lists:
        name, equals, file = given.partition("=")
        if not equals or not name or not file:
            raise SpikesoundError(f"{given!r}: expected NAME=FILE, as weak_eval=eval_segments.csv")
        listed = read_list(Path(file))
        counts = count_list(listed)
        columns = columns_of(name, counts)
        if twice := sorted(columns.keys() & ours.keys()):
            raise SpikesoundError(f"{name}: column {twice[0]!r} was counted from a list before")
        ours |= columns
        repeated = sum(counts.repeated.values())
        others = len(listed.rejected) - repeated
        events = "" if counts.events is None else f", {sum(counts.events.values()):,} events"
        more = f", {repeated:,} rows that repeat one" if repeated else ""
        more += f", {others:,} rows rejected" if others else ""
        print(f"{file}: {len(listed.segments):,} files{events}{more}, {len(counts.files)} labels")
    return ours


def show(path: Path, ours: Mapping[str, Counts]) -> dict[str, Any]:
    """Print how many cells of a published table are equal to ours, and which are not.

    Returns
    -------
    dict
        ``columns``: of each that was compared its cells and how many are equal; ``obtained``: of
        each column with one of what was obtained the mean of the labels' shares
    """
    published = read_published(path)
    print(f"{path}: {len(published)} labels")
    columns = {}
    for each in compare(published, ours):
        if each.equal is None:
            print(f"  {each.column}: no list given")
            continue
        columns[each.column] = {"cells": each.cells, "equal": each.equal}
        print(f"  {each.column}: {each.equal} of {each.cells} cells equal", end="")
        print(f"; {len(each.missing)} labels of the list are not in it" if each.missing else "")
        for label, (theirs, own) in list(each.different.items())[:SHOWN]:
            print(f"    {label}: {theirs} there, {own} here")
        if len(each.different) > SHOWN:
            print(f"    and {len(each.different) - SHOWN} more")
    shares = {}
    for column, share in shares_obtained(published).items():
        shares[column] = round(share, 4)
        print(f"  {column}: {share:.1%} obtained, mean over labels")
    return {"columns": columns, "obtained": shares}


def summed(compared: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return comparisons of tables by name, with the sums over all of their columns."""
    cells = [each for table in compared.values() for each in table["columns"].values()]
    return {
        "cells": sum(each["cells"] for each in cells),
        "equal": sum(each["equal"] for each in cells),
        "tables": dict(compared),
    }


def write(ours: Mapping[str, Counts], out: Path) -> None:
    """Write the counts as the published tables are: a row a label; 0 where there is none."""
    table = pd.DataFrame({column: pd.Series(counts) for column, counts in ours.items()})
    text = table.fillna(0).astype("int64").rename_axis(LABEL).sort_index().to_csv(sep="\t")
    with written_aside(out) as file:
        file.write(text.encode())
