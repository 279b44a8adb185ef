"""``spikesound predict``: class probabilities of files, or of windows of them."""

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
    RunCode,
    Sounds,
    Task,
    process_all,
)
from spikesound.core import own_code

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled
    from spikesound.apps.api import Model
    from spikesound.apps.batch.processes import Scoring

TABLE_TOP = 5
_NOTHING = "no label at or above the threshold"


def predict(
    sounds: Sounds,
    model: ModelName = None,
    format: Annotated[
        str,
        typer.Option(
            help="table, csv or json; with windows audacity, raven or jams too; parquet with --out."
        ),
    ] = TABLE,
    out: Out = None,
    force: Force = False,
    window: Annotated[
        float | None, typer.Option(help="Rows for each window of so many seconds.")
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(help="From window to window, in seconds. Default: half a window."),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Only labels at least as probable.")
    ] = 0.0,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Only so many labels of a file or window, the most probable. "
            f"Default: {TABLE_TOP} in a table of a file, 1 in one of windows, else all.",
        ),
    ] = None,
    thresholds: Thresholds = None,
    merge_gap: MergeGap = None,
    min_duration: MinDuration = 0.0,
    timezone: Timezone = None,
    merge_recorders: MergeRecorders = False,
    tolerance: Tolerance = TOLERANCE_S,
    jobs: Jobs = None,
    models: Models = workspace.MODELS,
    learnt: LearntFile = None,
    raw: Raw = False,
    run_code: RunCode = False,
) -> None:
    """Predict how probable each sound is in files, by a detector or a classifier of clips.

    A file's probabilities are the mean over windows of a classifier, the highest of a detector. A
    classifier answers 'none of these' of a window that is unlike the sounds of its classes.
    """
    from spikesound.apps.annotations import SCORES, WINDOWS

    if run_code:
        own_code.allow(own_code.ANY)
    windows = window is not None or hop is not None
    if format == TABLE and out is None and top is None:
        top = 1 if windows else TABLE_TOP

    def prepare(model: Model) -> Scoring:
        from spikesound.apps.batch.processes import Scoring, WindowScoring
        from spikesound.apps.batch.thresholds import read_thresholds

        model.window_and_hop(window, hop)
        by_label = {} if thresholds is None else read_thresholds(thresholds, model)
        if windows:
            return WindowScoring(threshold, by_label, top, window, hop)
        return Scoring(threshold, by_label, top)

    options = BatchOptions(
        merge_gap, min_duration, None, timezone, merge_recorders, tolerance, jobs
    )
    task = Task(
        WINDOWS if windows else SCORES,
        prepare,
        _show_windows if windows else _show,
        timed=windows,
    )
    process_all(task, sounds, model, models, format, out, force, options, learnt, raw)


def _show(sound: Labelled) -> None:
    from spikesound.apps.cli.tables import print_table

    rows = [(label, f"{probability:.3f}") for label, probability in sound.probabilities.items()]
    print_table(sound, ("Sound", "Probability"), rows, _NOTHING)


def _show_windows(sound: Labelled) -> None:
    from spikesound.apps.cli.tables import print_table

    rows = [
        (event.label, f"{event.onset_s:.2f}", f"{event.offset_s:.2f}", f"{event.score:.3f}")
        for event in sound.events
    ]
    print_table(sound, ("Sound", "From, s", "To, s", "Probability"), rows, _NOTHING)
