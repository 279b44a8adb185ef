"""Commands that look at lists of sounds: their labels, their rows, what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikesound.core.errors import SpikesoundError, short

Ontology = Annotated[Path, typer.Option(help="AudioSet's ontology.json")]


def labels(query: str, ontology: Ontology) -> None:
    """List the labels whose name contains the query, with their ids and what lies below them."""
    from spikesound.data.ontology import Ontology as Tree

    tree = Tree.load(ontology)
    matches = [label for label in tree if query.casefold() in tree.name(label).casefold()]
    if not matches:
        raise SpikesoundError(f"{ontology}: no label with {query!r} in its name")
    for label in matches:
        print(f"{label:14} {tree.name(label)} ({len(tree.subtree(label)) - 1} below)")


def segments(
    csv: Path,
    ontology: Ontology,
    names: Annotated[
        Path | None, typer.Option(help="mid_to_display_name.tsv of AudioSet's strong lists")
    ] = None,
) -> None:
    """Read a list in AudioSet's formats, and say which rows cannot be used and why.

    It is a CSV of segments, or the tab-separated file of strong labels; the header decides.
    """
    from spikesound.data.lists.label_names import read_names
    from spikesound.data.lists.merging import merge, read_list
    from spikesound.data.ontology import Ontology as Tree

    known = Tree.load(ontology).with_labels({} if names is None else read_names(names))
    listed = read_list(csv, known=known)
    merged = merge([listed])
    rejected = [*listed.rejected.to_pylist(), *merged.rejected.to_pylist()]
    for row in sorted(rejected, key=lambda row: int(row["line"])):
        print(f"{csv}:{row['line']}: {short(row['reason'])}")
    good, unit = (
        (len(listed.events), "events") if len(listed.events) else (len(merged.clip_ids), "rows")
    )
    print(f"{csv}: {good} {unit} good, {len(rejected)} rejected")


def status(
    table: Path,
    state: Annotated[str | None, typer.Option(help="List the clips in this state.")] = None,
) -> None:
    """Show what became of the clips: the status.parquet of the download stage."""
    from spikesound.core.schema import STATUS, read_table
    from spikesound.data.status import clips_in, overview

    frame = read_table(table, STATUS)
    print(overview(frame) if state is None else clips_in(frame, state))
