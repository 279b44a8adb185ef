"""``spikesound detect``: which sounds are in files, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import TABLE, Detectors, Force, ModelName, Out, Sounds, hear_all

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled


def detect(
    sounds: Sounds,
    model: ModelName = None,
    format: Annotated[str, typer.Option(help="table, csv, json, audacity, raven or jams.")] = TABLE,
    out: Out = None,
    force: Force = False,
    detectors: Detectors = workspace.DETECTORS,
) -> None:
    """Tell which sounds are in files, and when each begins and ends."""
    from spikesound.apps.annotations import FORMATS

    hear_all(sounds, model, [detectors], FORMATS, format, out, force, show)


def show(sound: Labelled) -> None:
    """Print the events of one sound as a table."""
    from spikesound.apps.cli.tables import print_table

    rows = [
        (event.label, f"{event.onset_s:.2f}", f"{event.offset_s:.2f}", f"{event.score:.2f}")
        for event in sound.events
    ]
    print_table(sound, ("Sound", "From, s", "To, s", "Score"), rows)
