"""``spikesound export``: a trained model in a format that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import Models
from spikesound.apps.cli.model_choice import choose_model


def export(
    model: Annotated[str, typer.Argument(help="A model's file, its folder, or its name.")],
    to: Annotated[str, typer.Option(help="nir, onnx, torchscript, safetensors or c")],
    out: Annotated[Path, typer.Option(help="The file to write; of c the folder.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    models: Models = workspace.MODELS,
) -> None:
    """Export a trained model, read the file back, and compare the outputs.

    Spiking networks go to NIR, conventional ones to ONNX, any to TorchScript, or to one safe file
    with labels and front end in it (safetensors); convolutional ones to C99 in integers,
    sound in and probabilities out.
    """
    from spikesound.core.errors import SpikesoundError, choose
    from spikesound.models.export import EXPORTS
    from spikesound.models.export import export as write
    from spikesound.models.loading import load

    choose(EXPORTS, to, "format")
    if out.exists() and not force:
        raise SpikesoundError(f"{out}: already exists; use --force to overwrite")
    path, what = choose_model(model, models)
    try:
        done = write(load(path), to, out)
    except OSError as error:
        raise SpikesoundError(f"{out}: cannot be written: {error.strerror}") from error
    print(f"{what} as {to}: {out}, {done.size:,} bytes")
    print(
        f"read back: largest difference {done.difference:.2g} in {done.compared:,} values", end=""
    )
    print("" if done.spikes is None else f"; all {done.spikes:,} spikes are equal")
    for note in done.notes:
        print(note)
