"""``spikesound detect``: sound events in files, with their times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.batch_options import (
    TOLERANCE_S,
    BatchOptions,
    Jobs,
    MergeGap,
    MergeRecorders,
    MinDuration,
    Thresholds,
    Timezone,
    Tolerance,
)
from spikesound.apps.cli.inputs import (
    TABLE,
    Force,
    LearntFile,
    ModelName,
    Models,
    Out,
    Raw,
    Sounds,
    Task,
    process_all,
)
from spikesound.core.errors import SpikesoundError

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled
    from spikesound.apps.api import Model
    from spikesound.apps.batch.processes import Detection


def detect(
    sounds: Sounds,
    model: ModelName = None,
    format: Annotated[
        str, typer.Option(help="table, csv, json, audacity, raven or jams; parquet with --out.")
    ] = TABLE,
    out: Out = None,
    force: Force = False,
    thresholds: Thresholds = None,
    merge_gap: MergeGap = None,
    min_duration: MinDuration = 0.0,
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many events of a file, those with the highest scores."),
    ] = None,
    timezone: Timezone = None,
    merge_recorders: MergeRecorders = False,
    tolerance: Tolerance = TOLERANCE_S,
    jobs: Jobs = None,
    models: Models = workspace.MODELS,
    learnt: LearntFile = None,
    raw: Raw = False,
) -> None:
    """Detect which sounds are in files, and when each begins and ends.

    An event that is unlike those of the detector's classes is one of 'none of these'.
    """
    from spikesound.apps.annotations import FORMATS

    def prepare(model: Model) -> Detection:
        from spikesound.apps.batch.processes import Detection
        from spikesound.apps.batch.thresholds import read_thresholds

        _check(model)
        return Detection({} if thresholds is None else read_thresholds(thresholds, model))

    options = BatchOptions(merge_gap, min_duration, top, timezone, merge_recorders, tolerance, jobs)
    task = Task(FORMATS, prepare, _show, kind="detection")
    process_all(task, sounds, model, models, format, out, force, options, learnt, raw)


def _check(model: Model) -> None:
    if not model.detects:
        raise SpikesoundError(
            f"{model.name}: expected a detector, got a classifier, which gives no times of events; "
            "spikesound predict --window gives rows by window"
        )


def _show(sound: Labelled) -> None:
    from spikesound.apps.cli.tables import print_table

    rows = [
        (event.label, f"{event.onset_s:.2f}", f"{event.offset_s:.2f}", f"{event.score:.2f}")
        for event in sound.events
    ]
    print_table(
        sound, ("Sound", "From, s", "To, s", "Score"), rows, f"no event of a class of {sound.model}"
    )
