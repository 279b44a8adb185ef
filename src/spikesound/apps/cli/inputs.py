"""Common part of ``predict`` and ``detect``: sounds, one by one, through a model to an output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.core.errors import SpikesoundError, choose, shown

if TYPE_CHECKING:
    from spikesound.apps.annotations import Format, Labelled
    from spikesound.apps.api import Model
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
Out = Annotated[
    Path | None, typer.Option(help="Folder for one file a sound, instead of the terminal.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]


def process_all(
    sounds: Sequence[str],
    model: str | None,
    models: str,
    formats: dict[str, Format],
    name: str,
    out: Path | None,
    force: bool,
    show: Callable[[Labelled], None],
    *,
    task: str | None = None,
) -> None:
    """Process sounds with a model, and write or show its outputs.

    A sound that cannot be read is reported in one line on stderr; the others are processed.

    Parameters
    ----------
    sounds : as given by the user
    model, models, task : see :func:`spikesound.apps.cli.model_choice.choose_model`
    formats, name : the valid formats, and the chosen one; ``table`` shows on the terminal
    out, force : folder to write to, and whether to overwrite files
    show : prints the table of one sound

    Raises
    ------
    SpikesoundError
        Before any work, if a parameter is wrong; after it, if a sound could not be processed.
    """
    from spikesound.apps.cli.model_choice import choose_model
    from spikesound.audio.paths import find_sounds

    chosen = None if name == TABLE else choose(formats, name, "format (or table)")
    files = find_sounds(sounds)
    targets = _targets(files, chosen, out, force)
    if chosen is not None and out is None and chosen.join is None and len(files) > 1:
        raise SpikesoundError(f"format {name} takes one file a sound: expected --out FOLDER")
    path, words = choose_model(model, models, task=task)

    from spikesound.apps.api import load

    loaded = load(path)
    print(f"model: {words}", file=sys.stderr)
    collected: list[Labelled] = []

    def use(sound: SoundFile, labelled: Labelled) -> None:
        if chosen is None:
            show(labelled)
        elif out is None:
            collected.append(labelled)
        else:
            _write(targets[sound], chosen.write(labelled))

    failed = _each(loaded, files, use)
    if chosen is not None and out is None and collected:
        join = chosen.join if len(files) > 1 else None
        typer.echo(join(collected) if join else chosen.write(collected[0]), nl=False)
    if out is not None:
        print(f"{len(files) - len(failed)} files written to {out}", file=sys.stderr)
    if len(files) == 1 and failed:
        raise failed[0]
    if failed:
        raise SpikesoundError(f"{len(failed)} of {len(files)} sounds failed: see above")


def _each(
    model: Model, sounds: Sequence[SoundFile], use: Callable[[SoundFile, Labelled], None]
) -> list[SpikesoundError]:
    from spikesound.apps.annotations import Labelled
    from spikesound.core.progress import SCREEN, track

    failed = []
    many = len(sounds) > 1
    total = len(sounds)
    tracked = track(sounds, total=total, what="processing", unit="file") if many else iter(sounds)
    for sound in tracked:
        try:
            result = model.process(sys.stdin.buffer if sound.path is None else sound.path)
        except SpikesoundError as error:
            failed.append(error)
            if many:
                with SCREEN.paused():
                    print(f"error: {shown(error)}", file=sys.stderr)
            continue
        name = str(sound).encode("utf-8", "replace").decode()
        events = result.events or []
        labelled = Labelled(
            name, result.seconds, model.name, model.high_hz, events, result.probabilities
        )
        with SCREEN.paused():
            use(sound, labelled)
    return failed


def _targets(
    sounds: Sequence[SoundFile], chosen: Format | None, out: Path | None, force: bool
) -> dict[SoundFile, Path]:
    """Return where each sound's file goes, if it may be written."""
    if out is None:
        return {}
    if chosen is None:
        raise SpikesoundError("--out writes files: expected --format too, one of those of --help")
    if out.exists() and not out.is_dir():
        raise SpikesoundError(f"{out}: --out: expected a folder, got a file")
    targets = {sound: out / (sound.name + chosen.suffix) for sound in sounds}
    by_target: dict[Path, SoundFile] = {}
    for sound, target in targets.items():
        if target in by_target:
            raise SpikesoundError(
                f"{target}: both {by_target[target]} and {sound} would be written to it"
            )
        by_target[target] = sound
    existing = [target for target in by_target if target.exists()]
    if existing and not force:
        others = f" ({len(existing)} such files)" if len(existing) > 1 else ""
        raise SpikesoundError(f"{existing[0]}: already exists{others}; use --force to overwrite")
    return targets


def _write(target: Path, text: str) -> None:
    from spikesound.core.atomic import written_aside

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(target) as file:
            file.write(text.encode())
    except OSError as error:
        raise SpikesoundError(f"{target}: cannot be written: {error.strerror}") from error
