"""``spikesound detect``: sound events in files, with their times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import TABLE, Force, ModelName, Models, Out, Sounds, process_all

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled


def detect(
    sounds: Sounds,
    model: ModelName = None,
    format: Annotated[str, typer.Option(help="table, csv, json, audacity, raven or jams.")] = TABLE,
    out: Out = None,
    force: Force = False,
    models: Models = workspace.MODELS,
) -> None:
    """Detect which sounds are in files, and when each begins and ends."""
    from spikesound.apps.annotations import FORMATS

    process_all(sounds, model, models, FORMATS, format, out, force, show, task="detection")


def show(sound: Labelled) -> None:
    """Print the events of one sound as a table."""
    from spikesound.apps.cli.tables import print_table

    rows = [
        (event.label, f"{event.onset_s:.2f}", f"{event.offset_s:.2f}", f"{event.score:.2f}")
        for event in sound.events
    ]
    print_table(sound, ("Sound", "From, s", "To, s", "Score"), rows)
