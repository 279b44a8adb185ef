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
    """Read a list in AudioSet's formats, and say which rows cannot be used and why.

    It is a CSV of segments, or the tab-separated file of strong labels; its header tells which.
    """
    from spikesound.data.lists.merging import merge, read_list
    from spikesound.data.ontology import Ontology as Tree

    found = read_list(csv, known=Tree.load(ontology))
    merged = merge([found])
    rejected = [*found.rejected.to_pylist(), *merged.rejected.to_pylist()]
    for row in sorted(rejected, key=lambda row: int(row["line"])):
        print(f"{csv}:{row['line']}: {row['reason']}")
    kept, unit = (
        (len(found.events), "events") if len(found.events) else (len(merged.clip_ids), "rows")
    )
    print(f"{csv}: {kept} {unit} good, {len(rejected)} rejected")


@app.command()
def status(
    table: Path,
    state: Annotated[str | None, typer.Option(help="List the clips in this state.")] = None,
) -> None:
    """Show what became of the clips: the status.parquet of the download stage."""
    from spikesound.data.status import clips_in, overview
    from spikesound.schema import STATUS, read_table

    frame = read_table(table, STATUS)
    print(overview(frame) if state is None else clips_in(frame, state))


@app.command()
def table(summary: Path) -> None:
    """Print a metrics/summary.json as a Markdown table."""
    from spikesound.evaluation.table import markdown_table

    if not summary.is_file():
        raise SpikesoundError(f"{summary}: no such file; run the pipeline (make repro)")
    print(markdown_table(json.loads(summary.read_text(encoding="utf-8"))), end="")


@app.command()
def compare(
    before: Annotated[str, typer.Argument(metavar="REV1", help="Commit, tag, branch, experiment")],
    after: Annotated[
        str, typer.Argument(metavar="REV2", help="The same; workspace: the files as they are")
    ] = "workspace",
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    resamples: Annotated[int, typer.Option(help="Of the bootstrap over recordings.")] = 1000,
    permutations: Annotated[int, typer.Option(help="Of the paired tests, at least.")] = 4999,
    confidence: Annotated[float, typer.Option(help="Of the intervals and tests.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of resamples and permutations.")] = 1,
    predictions: Annotated[str, typer.Option(help="Folder of predictions.")] = "data/predictions",
    metrics: Annotated[str, typer.Option(help="Folder of metrics.")] = "metrics",
    clips: Annotated[str, typer.Option(help="Table of clips.")] = "data/clips/clips.parquet",
) -> None:
    """Compare each model's stored predictions between two revisions: REV2 minus REV1."""
    from spikesound.evaluation.changes import changes, shared_models
    from spikesound.evaluation.comparison_table import change_table
    from spikesound.evaluation.revisions import Places, models_of, read_revision
    from spikesound.evaluation.settings import Settings

    settings = Settings(resamples, permutations, confidence, seed)
    root, places = Path.cwd(), Places(predictions, metrics, clips)
    there = {name: models_of(name, root, places) for name in (before, after)}
    chosen = [model] if model else shared_models(there[before], there[after])
    old, new = (read_revision(name, root, places, chosen) for name in (before, after))
    found = changes(old, new, settings)
    if found.models:
        print(change_table(found.models, before, after, confidence))
    for figures in found.models.values():
        print(figures["verdict"])
    for note in found.notes:
        print(note)
    for name, other in ((before, after), (after, before)):
        only = sorted(set(there[name]) - set(there[other]))
        if only and not model:
            print(f"only in {name}: {', '.join(only)}")


@app.command()
def version() -> None:
    """Print the version."""
    print(metadata.version("spikesound"))


def main() -> None:
    """Run the command line; a mistake in the input is one line and exit 1."""
    run(app)
