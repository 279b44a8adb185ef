"""``spikesound detect``: sound events in files, with their times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import (
    TABLE,
    Force,
    LearntFile,
    ModelName,
    Models,
    Out,
    Sounds,
    Task,
    process_all,
)
from spikesound.core.errors import SpikesoundError

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled
    from spikesound.apps.api import Model
    from spikesound.apps.sound import Samples


def detect(
    sounds: Sounds,
    model: ModelName = None,
    format: Annotated[str, typer.Option(help="table, csv, json, audacity, raven or jams.")] = TABLE,
    out: Out = None,
    force: Force = False,
    models: Models = workspace.MODELS,
    learnt: LearntFile = None,
) -> None:
    """Detect which sounds are in files, and when each begins and ends."""
    from spikesound.apps.annotations import FORMATS

    task = Task(FORMATS, _process, _show, _check, kind="detection")
    process_all(task, sounds, model, models, format, out, force, learnt)


def _check(model: Model) -> None:
    if not model.detects:
        raise SpikesoundError(
            f"{model.name}: expected a detector, got a classifier, which gives no times of events; "
            "spikesound predict --window gives rows by window"
        )


def _process(model: Model, samples: Samples, name: str) -> Labelled:
    from spikesound.apps.annotations import Labelled

    found = model.process_samples(samples)
    events = found.events or []
    return Labelled(name, found.seconds, model.name, samples.below_hz(model.high_hz), events)


def _show(sound: Labelled) -> None:
    from spikesound.apps.cli.tables import print_table

    rows = [
        (event.label, f"{event.onset_s:.2f}", f"{event.offset_s:.2f}", f"{event.score:.2f}")
        for event in sound.events
    ]
    print_table(
        sound, ("Sound", "From, s", "To, s", "Score"), rows, f"no event of a class of {sound.model}"
    )
