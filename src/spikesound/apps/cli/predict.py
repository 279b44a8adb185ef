"""``spikesound predict``: class probabilities of files, or of windows of them."""

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

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled
    from spikesound.apps.api import Model
    from spikesound.apps.sound import Samples

TABLE_TOP = 5
_NOTHING = "no label at or above the threshold"


def predict(
    sounds: Sounds,
    model: ModelName = None,
    format: Annotated[
        str, typer.Option(help="table, csv or json; with windows audacity, raven or jams too.")
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
    models: Models = workspace.MODELS,
    learnt: LearntFile = None,
) -> None:
    """Predict how probable each sound is in files, by a detector or a classifier of clips.

    A file's probabilities are the mean over windows of a classifier, the highest of a detector.
    """
    from spikesound.apps.annotations import SCORES, WINDOWS

    windows = window is not None or hop is not None
    if format == TABLE and top is None:
        top = 1 if windows else TABLE_TOP

    def process(model: Model, samples: Samples, name: str) -> Labelled:
        return _process(model, samples, name, (window, hop) if windows else None, threshold, top)

    def check(model: Model) -> None:
        model.window_and_hop(window, hop)

    options = {"window": window, "hop": hop, "threshold": threshold, "top": top}
    task = Task(
        WINDOWS if windows else SCORES,
        process,
        _show_windows if windows else _show,
        check,
        options=options,
    )
    process_all(task, sounds, model, models, format, out, force, learnt)


def _process(
    model: Model,
    samples: Samples,
    name: str,
    windows: tuple[float | None, float | None] | None,
    threshold: float,
    top: int | None,
) -> Labelled:
    from spikesound.apps.annotations import Labelled
    from spikesound.tasks.detection.decision import Event

    if windows is None:
        found = model.process_samples(samples)
        kept = _kept(found.probabilities, threshold, top)
        return Labelled(name, found.seconds, model.name, model.high_hz, probabilities=kept)
    rows, seconds = [], 0.0
    for each in model.windows_of(samples, *windows):
        seconds = each.offset_s
        for label, probability in _kept(each.probabilities, threshold, top).items():
            rows.append(Event(label, each.onset_s, each.offset_s, probability))
    return Labelled(name, seconds, model.name, samples.below_hz(model.high_hz), rows)


def _kept(probabilities: dict[str, float], threshold: float, top: int | None) -> dict[str, float]:
    """Return those at or above the threshold; of those the top ones, the most probable first."""
    kept = {label: value for label, value in probabilities.items() if value >= threshold}
    if top is None:
        return kept
    return dict(sorted(kept.items(), key=lambda pair: -pair[1])[:top])


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
