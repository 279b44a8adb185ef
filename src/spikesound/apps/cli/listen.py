"""``spikesound listen``: a detector on the microphone, a pipe or a file, in real time."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import NOT_CALIBRATED, LearntFile, ModelName, Models, Raw
from spikesound.core.errors import SpikesoundError

if TYPE_CHECKING:
    from spikesound.apps.live.listen import State
    from spikesound.apps.live.source import Source
    from spikesound.apps.live.traced import TracedStream
    from spikesound.models.loading import TrainedModel


def listen(
    model: ModelName = None,
    models: Models = workspace.MODELS,
    device: Annotated[
        str | None, typer.Option(help="The microphone, by part of its name or by number.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A sound file instead of a microphone.")] = None,
    pcm: Annotated[
        str | None, typer.Option(help="Samples on the standard input: s16le or f32le.")
    ] = None,
    rate: Annotated[int, typer.Option(help="Of --pcm, in Hz.", min=1000, max=1_000_000)] = 16_000,
    channels: Annotated[int, typer.Option(help="Of --pcm.", min=1, max=64)] = 1,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON for each event.")] = False,
    learnt: LearntFile = None,
    raw: Raw = False,
) -> None:
    """Listen, and show which sounds there are while they sound; Ctrl-C ends it."""
    if file is not None and pcm is not None:
        raise SpikesoundError("--file and --pcm: expected one source, got two")
    if device is not None and (file is not None or pcm is not None):
        raise SpikesoundError("--device: chooses a microphone; not valid with --file or --pcm")
    trained = load_detector(model, models, learnt, raw)
    from spikesound.apps.live.traced import TracedStream

    source: Source
    if file is not None:
        from spikesound.apps.live.sound_file import SoundFile

        source = SoundFile(file, trained.front_end.rate_hz)
    elif pcm is not None:
        from spikesound.apps.live.pipe import Pipe

        source = Pipe(cast(BufferedReader, sys.stdin.buffer), pcm, rate, channels)
    else:
        from spikesound.apps.live.microphone import Microphone

        source = Microphone(device)
        print(f"microphone: {source.name}", file=sys.stderr)
    _listen(source, TracedStream(trained, source.rate_hz), json)


def load_detector(
    model: str | None, folder: str, learnt: Path | None = None, raw: bool = False
) -> TrainedModel:
    """Load the detector that is named, or the best of the folder, for streams on one core.

    Parameters
    ----------
    raw : whether its calibration is left out

    Raises
    ------
    SpikesoundError
        If there is none, or it is a classifier.
    """
    from spikesound.apps.cli.model_choice import choose_model

    path, words = choose_model(model, folder, task="detection")
    import torch

    from spikesound.inference.learnt import rows

    # A frame is too little work to be shared: more threads only wait for each other.
    torch.set_num_threads(1)
    loaded = rows.load(path, learnt)
    if not loaded.detects:
        raise SpikesoundError(
            f"{loaded.name}: expected a detector, got a classifier of whole clips; "
            "dvc exp run -S task=detection trains detectors"
        )
    if raw:
        loaded = replace(loaded, calibration=None)
    elif loaded.calibration is None:
        words += f"; {NOT_CALIBRATED}"
    print(f"model: {words}", file=sys.stderr)
    return loaded


def _listen(source: Source, stream: TracedStream, json: bool) -> None:
    from rich.console import Console

    from spikesound.apps.live.listen import listen
    from spikesound.apps.live.meter import Meter, Printer, summary

    console = Console()
    out = sys.stderr if json else sys.stdout
    state: State
    try:
        if console.is_terminal and not json:
            with Meter(console) as meter:
                state = listen(source, stream, meter.show)
        else:
            state = listen(source, stream, Printer(sys.stdout, json).show)
        for line in summary(state, source.warnings):
            print(line, file=out)
    except BrokenPipeError:  # the reader of the events has closed the pipe
        sys.stderr.close()
