"""``spikesound models``: the trained models, their sizes and metrics."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spikesound.apps.cli import workspace
from spikesound.core.errors import SpikesoundError

if TYPE_CHECKING:
    from spikesound.models.listing import Listed

HEADLINES = ("accuracy", "map", "psds1", "psds2", "event_f1")


def models(
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="[FOLDER]...", help="Of trained models.")
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Folder of metrics, <task>/models/<name>.json.")
    ] = workspace.METRICS,
    as_json: Annotated[bool, typer.Option("--json", help="All that is known, as JSON.")] = False,
) -> None:
    """List the trained models: sizes, what each was trained on, and its metrics."""
    from spikesound.models.listing import list_models
    from spikesound.models.shipped import folder as installed_in

    chosen = [Path(folder) for folder in folders or [workspace.MODELS]]
    if not folders and (place := installed_in()):
        chosen.append(place)
    listed = list_models(chosen, Path(metrics))
    learnt = [learnt_names(model) for model in listed]
    if as_json:
        rows = [
            {**asdict(model), "learnt": names} for model, names in zip(listed, learnt, strict=True)
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    print_models(listed)
    for model, names in zip(listed, learnt, strict=True):
        for name in names:
            Console().print(_plain(f"{model.name} has learnt {name}"), soft_wrap=True)


def learnt_names(model: Listed) -> list[str]:
    """Return the sounds that a model's folds have learnt; of a file that is not theirs its error.

    The fold is named where it is not the first, which commands take.
    """
    from spikesound.inference.learnt.file import learnt_path, names
    from spikesound.models.listing import weight_files

    found = []
    for number, file in enumerate(weight_files(Path(model.path))):
        of_fold = f" ({file.parent.name})" if number else ""
        path = learnt_path(file)
        try:
            found += [f"{name}{of_fold}" for name in (names(path, file) if path.exists() else [])]
        except SpikesoundError as error:
            found.append(f"nothing that can be used{of_fold}: {error}")
    return found


def print_models(models: list[Listed]) -> None:
    """Print a table of each task, a row for each model, and then the errors of damaged ones."""
    console = Console()
    for task in sorted({model.task for model in models if model.error is None}):
        console.print(_table(task, [each for each in models if each.task == task]))
    if not models:
        console.print("no trained models")
    for model in models:
        if model.error is not None:
            console.print(_plain(model.error), soft_wrap=True)


def _table(task: str, models: list[Listed]) -> Table:
    good = [model for model in models if model.error is None]
    shown = [key for key in HEADLINES if any(key in model.metrics for model in good)]
    table = Table(title=task, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("model", no_wrap=True)
    table.add_column("trained on", overflow="fold", min_width=12)
    for column in ("weights", "KiB", *shown):
        table.add_column(column, justify="right", no_wrap=True)
    for model in good:
        figures = [_figure(model.metrics.get(key)) for key in shown]
        sizes = (f"{model.parameters:,}", f"{model.size / 1024:,.0f}")
        table.add_row(*map(_plain, (model.name, model.trained_on, *sizes, *figures)))
    return table


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | int) else "-"


def _plain(text: str) -> Text:
    # Names come from files: what a terminal takes for commands is not printed.
    return Text("".join(c if c.isprintable() else "�" for c in text))
