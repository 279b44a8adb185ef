"""Common part of ``predict`` and ``detect``: sounds, one by one, through a model to an output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikesound.core.errors import SpikesoundError, choose, shown

if TYPE_CHECKING:
    from spikesound.apps.annotations import Format, Labelled
    from spikesound.apps.api import Model
    from spikesound.apps.sound import Samples
    from spikesound.audio.paths import SoundFile

TABLE = "table"

Sounds = Annotated[
    list[str],
    typer.Argument(
        metavar="SOUND...",
        help="Files that ffmpeg reads, folders of them, or - for the standard input.",
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        envvar="SPIKESOUND_MODEL",
        help="A model's file or folder, or its name. Default: the best of the folder of models.",
    ),
]
Models = Annotated[str, typer.Option("--models", help="Folder of trained models.")]
LearntFile = Annotated[
    Path | None,
    typer.Option(
        "--learnt",
        help="File of the model's learnt sounds (spikesound learn). Default: the one beside it.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder for one file a sound, instead of the terminal. The same command goes on where "
        "an earlier one was broken off."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]


@dataclass(frozen=True)
class Task:
    """What a command does with each sound.

    Attributes
    ----------
    formats : the valid formats; ``table`` beside them shows on the terminal
    process : gives the output of a model for a sound, of which the name is given
    show : prints the table of one sound
    check : raises SpikesoundError if the model is not fit for the task
    kind : that the model must be of if none is given; None: any
    options : that the output depends on
    """

    formats: Mapping[str, Format]
    process: Callable[[Model, Samples, str], Labelled]
    show: Callable[[Labelled], None]
    check: Callable[[Model], None]
    kind: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def process_all(
    task: Task,
    sounds: Sequence[str],
    model: str | None,
    models: str,
    name: str,
    out: Path | None,
    force: bool,
    learnt: Path | None = None,
) -> None:
    """Process sounds with a model, and write or show each output as soon as it is made.

    A sound that cannot be read is reported in one line on stderr; the others are processed.

    Parameters
    ----------
    sounds : as given by the user
    model, models : see :func:`spikesound.apps.cli.model_choice.choose_model`
    name : of the format
    out, force : folder to write to, and whether to overwrite files
    learnt : file of learnt sounds; None: the one beside the model

    Raises
    ------
    SpikesoundError
        Before any work, if a parameter is wrong; after it, if a sound could not be processed.
    """
    from spikesound.apps.cli.model_choice import choose_model
    from spikesound.audio.paths import find_sounds

    chosen = None if name == TABLE else choose(task.formats, name, "format (or table)")
    files = find_sounds(sounds)
    if out is not None and chosen is None:
        raise SpikesoundError("--out writes files: expected --format too, one of those of --help")
    if chosen is not None and out is None and chosen.join is None and len(files) > 1:
        raise SpikesoundError(f"format {name} takes one file a sound: expected --out FOLDER")
    path, words = choose_model(model, models, task=task.kind)

    from spikesound.apps.api import load

    loaded = load(path, learnt=learnt)
    task.check(loaded)
    failed: list[SpikesoundError] = []
    if out is None:
        print(f"model: {words}", file=sys.stderr)
        outputs = (labelled for _, labelled in _each(task, loaded, files, failed, len(files) > 1))
        _print(outputs, chosen, task.show, len(files))
    else:
        from spikesound.apps.cli.batch import Batch

        assert chosen is not None
        options = {"format": name, **task.options, **learnt_option(path, learnt)}
        batch = Batch(out, files, chosen, options, path)
        left = batch.begin(force)
        print(f"model: {words}", file=sys.stderr)
        if len(left) < len(files):
            print(f"{len(files) - len(left)} of {len(files)} files are written", file=sys.stderr)
        for sound, labelled in _each(task, loaded, left, failed, len(files) > 1):
            batch.write(sound, chosen.write(labelled))
        batch.end(failed=bool(failed))
        print(f"{len(left) - len(failed)} files written to {out}", file=sys.stderr)
    if len(files) == 1 and failed:
        raise failed[0]
    if failed:
        raise SpikesoundError(f"{len(failed)} of {len(files)} sounds failed: see above")


def learnt_option(model: Path, learnt: Path | None) -> dict[str, str]:
    """Return the digest of a model's learnt sounds, on which its outputs depend; empty if none."""
    import hashlib

    from spikesound.inference.learnt.file import learnt_path

    path = learnt or learnt_path(model)
    return {"learnt": hashlib.sha256(path.read_bytes()).hexdigest()} if path.exists() else {}


def _print(
    outputs: Iterator[Labelled],
    chosen: Format | None,
    show: Callable[[Labelled], None],
    count: int,
) -> None:
    from spikesound.core.progress import SCREEN

    if chosen is None:
        for labelled in outputs:
            with SCREEN.paused():
                show(labelled)
        return
    several = count > 1 and chosen.join is not None
    texts = chosen.join(outputs) if several and chosen.join else map(chosen.write, outputs)
    for text in texts:
        with SCREEN.paused():
            typer.echo(text, nl=False)


def _each(
    task: Task,
    model: Model,
    sounds: Sequence[SoundFile],
    failed: list[SpikesoundError],
    many: bool,
) -> Iterator[tuple[SoundFile, Labelled]]:
    """Yield the output for each sound; errors of sounds are collected, and printed if many."""
    from spikesound.core.progress import SCREEN, track

    total = len(sounds)
    tracked = track(sounds, total=total, what="processing", unit="file") if many else iter(sounds)
    for sound in tracked:
        name = str(sound).encode("utf-8", "replace").decode()
        try:
            samples = model.samples(sys.stdin.buffer if sound.path is None else sound.path)
            labelled = task.process(model, samples, name)
        except SpikesoundError as error:
            failed.append(error)
            if many:
                with SCREEN.paused():
                    print(f"error: {shown(error)}", file=sys.stderr)
            continue
        yield sound, labelled
