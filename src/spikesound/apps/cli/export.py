"""``spikesound export``: a trained model in a format that other programs read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import Models, RunCode
from spikesound.apps.cli.model_choice import choose_model
from spikesound.core import own_code

if TYPE_CHECKING:
    from spikesound.models.loading import Floats

COMPARED = ("onnx", "int8")
"""Formats whose scores are compared on sounds."""


def export(
    model: Annotated[str, typer.Argument(help="A model's file, its folder, or its name.")],
    to: Annotated[str, typer.Option(help="nir, onnx, torchscript, safetensors, int8 or c")],
    out: Annotated[Path, typer.Option(help="The file to write; of c the folder.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    features: Annotated[
        bool, typer.Option("--features", help="Of onnx: the network alone, features in.")
    ] = False,
    bits: Annotated[int, typer.Option(help="Of int8: bits of a weight.", min=2, max=8)] = 8,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="Of onnx and int8: a sound file, or a folder of them, on which the scores are "
            "compared; may be repeated. Default: a synthetic sound."
        ),
    ] = None,
    models: Models = workspace.MODELS,
    run_code: RunCode = False,
) -> None:
    """Export a trained model, read the file back, and compare the outputs.

    Spiking networks go to NIR, conventional ones to ONNX, any to TorchScript, or to one safe file
    with labels and front end in it (safetensors; int8: with weights of 8 bits); convolutional ones
    to C99 in integers. ONNX and C take sound and give probabilities.
    """
    from spikesound.core.errors import SpikesoundError, choose
    from spikesound.models.export import EXPORTS
    from spikesound.models.export import export as write
    from spikesound.models.loading import load

    choose(EXPORTS, to, "format")
    if run_code:
        own_code.allow(own_code.ANY)
    if out.exists() and not force:
        raise SpikesoundError(f"{out}: already exists; use --force to overwrite")
    if compare and (to not in COMPARED or features):
        raise SpikesoundError("--compare: only with --to onnx or int8, and not with --features")
    if features and to != "onnx":
        raise SpikesoundError("--features: only with --to onnx")
    if bits != 8 and to != "int8":
        raise SpikesoundError("--bits: only with --to int8")
    path, what = choose_model(model, models)
    trained = load(path)
    options: dict[str, Any] = {"features": features} if to == "onnx" else {}
    options |= {"bits": bits} if to == "int8" else {}
    if compare:
        options["sounds"] = _read(compare, trained.front_end.rate_hz)
    try:
        done = write(trained, to, out, **options)
    except OSError as error:
        raise SpikesoundError(f"{out}: cannot be written: {error.strerror}") from error
    print(f"{what} as {to}: {out}, {done.size:,} bytes")
    print(
        f"read back: largest difference {done.difference:.2g} in {done.compared:,} values", end=""
    )
    print("" if done.spikes is None else f"; all {done.spikes:,} spikes are equal")
    if done.decided is not None:
        on = f"{len(options['sounds'])} sounds" if compare else "a synthetic sound"
        print(f"on {on}, {done.changed:,} of {done.decided:,} decisions differ")
    for note in done.notes:
        print(note)


def _read(arguments: list[str], rate_hz: int) -> list[Floats]:
    """Return the sounds of files and folders, whole, at a sampling rate."""
    import numpy as np

    from spikesound.apps.sound import Samples
    from spikesound.audio.paths import find_sounds
    from spikesound.core.progress import track

    sounds, read = find_sounds(arguments), []
    for each in track(sounds, total=len(sounds), what="reading", unit="file"):
        source = sys.stdin.buffer if each.path is None else each.path
        read.append(np.concatenate(list(Samples(source, None, rate_hz))))
    return read
