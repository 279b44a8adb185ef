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
    clips: Annotated[
        Path | None, typer.Option(help="clips.parquet: list the clips asked and obtained by label.")
    ] = None,
) -> None:
    """Show what became of the clips: the status.parquet of the download stage."""
    from spikesound.core.schema import CLIPS, STATUS, read_table
    from spikesound.data.obtained import obtained_by_label
    from spikesound.data.status import clips_in, overview

    if clips is not None and state is not None:
        raise SpikesoundError("--clips and --state: one of the two")
    frame = read_table(table, STATUS)
    if clips is not None:
        print(
            obtained_by_label(read_table(clips, CLIPS), frame).to_csv(sep="\t", index=False), end=""
        )
        return
    print(overview(frame) if state is None else clips_in(frame, state))


def counts(
    lists: Annotated[
        list[str],
        typer.Argument(
            help="NAME=FILE, a list in AudioSet's formats under the name that the tables give it, "
            "such as weak_eval=eval_segments.csv; NAME_downloaded=FILE: what was obtained of it"
        ),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A published table of counts by label, tab-separated; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write our counts, tab-separated.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write how many cells are equal, by column, as JSON.")
    ] = None,
) -> None:
    """Count the files and events of each label in lists, and compare with published counts.

    The tables of bakhtos/GoogleAudioSetScripts are compared cell by cell, where there is a list.
    """
    from spikesound.apps.cli.published_counts import counted, show, summed, write
    from spikesound.core.json_files import write_json

    ours = counted(lists)
    compared = {path.name: show(path, ours) for path in against or ()}
    if report is not None:
        write_json(report, summed(compared))
    if out is not None:
        write(ours, out)
        print(f"{sum(map(len, ours.values()))} counts in {len(ours)} columns: {out}")
    elif not against:
        raise SpikesoundError("counts: give --against TABLE, --out FILE, or both")
