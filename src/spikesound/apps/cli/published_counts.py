"""Counts of lists by label beside published tables, for ``spikesound counts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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


def show(path: Path, ours: Mapping[str, Counts]) -> None:
    """Print how many cells of a published table are equal to ours, and which are not."""
    published = read_published(path)
    print(f"{path}: {len(published)} labels")
    for each in compare(published, ours):
        if each.equal is None:
            print(f"  {each.column}: no list given")
            continue
        print(f"  {each.column}: {each.equal} of {each.cells} cells equal", end="")
        print(f"; {len(each.missing)} labels of the list are not in it" if each.missing else "")
        for label, (theirs, own) in list(each.different.items())[:SHOWN]:
            print(f"    {label}: {theirs} there, {own} here")
        if len(each.different) > SHOWN:
            print(f"    and {len(each.different) - SHOWN} more")
    for column, (obtained, asked) in shares_obtained(published).items():
        print(f"  {column}: {obtained:,} of {asked:,} obtained, {obtained / asked:.1%}")


def write(ours: Mapping[str, Counts], out: Path) -> None:
    """Write the counts as the published tables are: a row a label; 0 where there is none."""
    table = pd.DataFrame({column: pd.Series(counts) for column, counts in ours.items()})
    text = table.fillna(0).astype("int64").rename_axis(LABEL).sort_index().to_csv(sep="\t")
    with written_aside(out) as file:
        file.write(text.encode())
