"""``spikesound``: for people at a terminal, with or without the pipeline."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from spikesound.errors import SpikesoundError, run
from spikesound.params import Params

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Spiking and conventional networks on sound, compared by measurement.",
)

Ontology = Annotated[Path, typer.Option(help="AudioSet's ontology.json")]


@app.command()
def check(params: Annotated[Path, typer.Argument()] = Path("params.yaml")) -> None:
    """Check every value of a parameter file, and say what it would run."""
    found = Params.load(params)
    print(
        f"{params}: good; source {found.source}, encoding {found.encoding}, "
        f"{len(found.folds)} folds of {', '.join(found.models.names())}"
    )


@app.command()
def labels(query: str, ontology: Ontology) -> None:
    """List the labels whose name contains the query, with their ids and what lies below them."""
    from spikesound.data.ontology import Ontology as Tree

    tree = Tree.load(ontology)
    found = [label for label in tree if query.casefold() in tree.name(label).casefold()]
    if not found:
        raise SpikesoundError(f"no label of {ontology} has {query!r} in its name")
    for label in found:
        print(f"{label:14} {tree.name(label)} ({len(tree.subtree(label)) - 1} below)")


@app.command()
def segments(csv: Path, ontology: Ontology) -> None:
    """Read a segments CSV in AudioSet's format, and say which rows cannot be used and why."""
    from spikesound.data.audioset import read_segments
    from spikesound.data.ontology import Ontology as Tree

    kept, rejected = read_segments(csv, known=Tree.load(ontology))
    for line, reason in zip(rejected["line"], rejected["reason"], strict=True):
        print(f"{csv}:{line}: {reason}")
    print(f"{csv}: {len(kept)} rows good, {len(rejected)} rejected")


@app.command()
def status(table: Path) -> None:
    """Show what became of each clip: the status.parquet of the download stage."""
    from spikesound.schema import STATUS, read_table

    frame = read_table(table, STATUS)
    for state, count in frame["state"].value_counts().items():
        print(f"{state:12} {count}")
    for row in frame[frame["state"] != "ok"].itertuples():
        print(f"{row.clip_id}: {row.state}: {row.reason}")


@app.command()
def table(summary: Path) -> None:
    """Print a metrics/summary.json as a Markdown table."""
    from spikesound.evaluation.table import markdown_table

    if not summary.is_file():
        raise SpikesoundError(f"{summary}: no such file; run the pipeline (make repro)")
    print(markdown_table(json.loads(summary.read_text(encoding="utf-8"))), end="")


@app.command()
def version() -> None:
    """Print the version."""
    print(metadata.version("spikesound"))


def main() -> None:
    """Run the command line; a mistake in the input is one line and exit 1."""
    run(app)
