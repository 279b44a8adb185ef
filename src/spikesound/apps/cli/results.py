"""Commands on the results of a run: its table, and the comparison of two revisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikesound.apps.cli import workspace


def table(summary: Path) -> None:
    """Print a metrics/summary.json as a Markdown table."""
    from spikesound.core.json_files import read_mapping
    from spikesound.evaluation.columns import markdown_table

    print(markdown_table(read_mapping(summary, "run the pipeline (make repro)")), end="")


def compare(
    before: Annotated[str, typer.Argument(metavar="REV1", help="Commit, tag, branch, experiment")],
    after: Annotated[
        str, typer.Argument(metavar="REV2", help="The same; workspace: the files as they are")
    ] = "workspace",
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    resamples: Annotated[int, typer.Option(help="Of the bootstrap over recordings.")] = 10_000,
    permutations: Annotated[int, typer.Option(help="Of the paired tests, at least.")] = 4999,
    confidence: Annotated[float, typer.Option(help="Of the intervals and tests.")] = 0.95,
    margin: Annotated[float, typer.Option(help="Of equivalence, a share.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Of resamples and permutations.")] = 1,
    predictions: Annotated[
        str, typer.Option(help="Folder of predictions.")
    ] = workspace.PREDICTIONS,
    metrics: Annotated[
        str, typer.Option(help="Folder of metrics.")
    ] = workspace.CLASSIFICATION_METRICS,
    clips: Annotated[str, typer.Option(help="Table of clips.")] = workspace.CLIPS,
) -> None:
    """Compare each classifier's stored predictions between two revisions: REV2 minus REV1."""
    from spikesound.evaluation.changes import changes, shared_models
    from spikesound.evaluation.comparison_table import change_table
    from spikesound.evaluation.revisions import Places, models_of, read_revision
    from spikesound.evaluation.settings import Settings

    settings = Settings(resamples, permutations, confidence, seed, margin)
    root, places = Path.cwd(), Places(predictions, metrics, clips)
    models = {name: models_of(name, root, places) for name in (before, after)}
    chosen = [model] if model else shared_models(models[before], models[after])
    old, new = (read_revision(name, root, places, chosen) for name in (before, after))
    differences = changes(old, new, settings)
    if differences.models:
        print(
            change_table(
                differences.models, before, after, confidence, measures=differences.measures
            )
        )
    for figures in differences.models.values():
        print(figures["verdict"])
    for note in differences.notes:
        print(note)
    for name, other in ((before, after), (after, before)):
        only = sorted(set(models[name]) - set(models[other]))
        if only and not model:
            print(f"only in {name}: {', '.join(only)}")
