"""``spikesound predict``: class probabilities of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import TABLE, Force, ModelName, Models, Out, Sounds, process_all

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled


def predict(
    sounds: Sounds,
    model: ModelName = None,
    format: Annotated[str, typer.Option(help="table, csv or json.")] = TABLE,
    out: Out = None,
    force: Force = False,
    top: Annotated[int, typer.Option(min=1, help="Rows of a table.")] = 5,
    models: Models = workspace.MODELS,
) -> None:
    """Predict how probable each sound is in files, by a detector or a classifier of clips."""
    from spikesound.apps.annotations import SCORES

    def show(sound: Labelled) -> None:
        from spikesound.apps.cli.tables import print_table

        best = sorted(sound.probabilities.items(), key=lambda pair: -pair[1])[:top]
        rows = [(label, f"{probability:.3f}") for label, probability in best]
        print_table(sound, ("Sound", "Probability"), rows)

    process_all(sounds, model, models, SCORES, format, out, force, show)
