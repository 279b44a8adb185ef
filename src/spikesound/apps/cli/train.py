"""``spikesound train``: from recordings of one's own to trained models, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spikesound.core.errors import SpikesoundError


def train(
    recordings: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDINGS",
            help="A folder: sub-folders are classes, or, for detection, label files lie beside the "
            "sound files (Audacity, Raven, JAMS, CSV). Or a CSV of labels.",
        ),
    ],
    task: Annotated[str, typer.Option(help="classification or detection.")] = "classification",
    workspace: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the pipeline, its parameters and results. Default: "
            "RECORDINGS-TASK in the current folder. The same command goes on where an earlier one "
            "stopped, and redoes what has changed."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Fine-tune this trained model too; its file or folder."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-S",
            metavar="KEY=VALUE",
            help="Another value of a parameter, such as recipes.snn.epochs=10; repeatable.",
        ),
    ] = None,
) -> None:
    """Train a spiking network and its conventional twin on your recordings, and compare them."""
    from spikesound.apps.train.outcome import lines
    from spikesound.apps.train.run import train as run

    changes = _changes(set_ or [])
    outcome = run(recordings, task, workspace=workspace, base=base, changes=changes)
    for line in outcome.missing:
        print(f"left out: {line}")
    print("\n".join(lines(outcome)))


def _changes(given: list[str]) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    changes = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise SpikesoundError(f"--set {each!r}: expected KEY=VALUE")
        try:
            changes[key.strip()] = YAML(typ="safe").load(value)
        except YAMLError as error:
            raise SpikesoundError(f"--set {key}: {value!r} is not YAML") from error
    return changes
