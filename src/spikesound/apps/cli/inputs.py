"""What ``predict`` and ``detect`` share: sounds go through a model, one by one, and are told of."""

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
        help="A model's file or folder, or its name. Without: a spiking one of those trained.",
    ),
]
Detectors = Annotated[str, typer.Option(help="Folder of trained detectors.")]
Out = Annotated[
    Path | None, typer.Option(help="Folder for one file a sound, instead of the terminal.")
]
Force = Annotated[bool, typer.Option("--force", help="Write over files that are there.")]


def hear_all(
    sounds: Sequence[str],
    model: str | None,
    folders: Sequence[str],
    formats: dict[str, Format],
    name: str,
    out: Path | None,
    force: bool,
    show: Callable[[Labelled], None],
) -> None:
    """Let a model hear sounds, and write or show what it heard.

    A sound that cannot be heard is told of in one line on stderr, and the others go on.

    Parameters
    ----------
    sounds : as given by the person
    model, folders : see :func:`spikesound.apps.cli.model_choice.choose_model`
    formats, name : what there is to write, and which of it; ``table`` shows on the terminal
    out, force : where to write, and whether over what is there
    show : prints the table of one sound

    Raises
    ------
    SpikesoundError
        Before any work, if something is not as it must be; after it, if a sound was not heard.
    """
    from spikesound.apps.cli.model_choice import choose_model
    from spikesound.audio.paths import find_sounds

    chosen = None if name == TABLE else choose(formats, name, "format (or table)")
    found = find_sounds(sounds)
    targets = _targets(found, chosen, out, force)
    if chosen is not None and out is None and chosen.join is None and len(found) > 1:
        raise SpikesoundError(f"{len(found)} sounds as {name} are as many files: give --out FOLDER")
    path, words = choose_model(model, folders)

    from spikesound.apps.api import load

    loaded = load(path)
    print(f"model: {words}", file=sys.stderr)
    kept: list[Labelled] = []

    def use(sound: SoundFile, labelled: Labelled) -> None:
        if chosen is None:
            show(labelled)
        elif out is None:
            kept.append(labelled)
        else:
            _write(targets[sound], chosen.write(labelled))

    failed = _each(loaded, found, use)
    if chosen is not None and out is None and kept:
        join = chosen.join if len(found) > 1 else None
        typer.echo(join(kept) if join else chosen.write(kept[0]), nl=False)
    if out is not None:
        print(f"{len(found) - len(failed)} files written to {out}", file=sys.stderr)
    if len(found) == 1 and failed:
        raise failed[0]
    if failed:
        raise SpikesoundError(f"{len(failed)} of {len(found)} sounds were not heard: see above")


def _each(
    model: Model, sounds: Sequence[SoundFile], use: Callable[[SoundFile, Labelled], None]
) -> list[SpikesoundError]:
    from spikesound.apps.annotations import Labelled
    from spikesound.core.progress import SCREEN, track

    failed = []
    many = len(sounds) > 1
    going = track(sounds, total=len(sounds), what="hearing", unit="file") if many else iter(sounds)
    for sound in going:
        try:
            heard = model.hear(sys.stdin.buffer if sound.path is None else sound.path)
        except SpikesoundError as error:
            failed.append(error)
            if many:
                with SCREEN.paused():
                    print(f"error: {shown(error)}", file=sys.stderr)
            continue
        name = str(sound).encode("utf-8", "replace").decode()
        events = heard.events or []
        labelled = Labelled(
            name, heard.seconds, model.name, model.high_hz, events, heard.probabilities
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
        raise SpikesoundError("--out takes files: give --format too, one of those of --help")
    if out.exists() and not out.is_dir():
        raise SpikesoundError(f"{out}: a file; --out takes a folder")
    targets = {sound: out / (sound.name + chosen.suffix) for sound in sounds}
    by_target: dict[Path, SoundFile] = {}
    for sound, target in targets.items():
        if target in by_target:
            raise SpikesoundError(f"{target} would be written of {by_target[target]} and {sound}")
        by_target[target] = sound
    there = [target for target in by_target if target.exists()]
    if there and not force:
        raise SpikesoundError(
            f"{there[0]}: is there already ({len(there)} such); --force writes over it"
        )
    return targets


def _write(target: Path, text: str) -> None:
    from spikesound.core.atomic import written_aside

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(target) as file:
            file.write(text.encode())
    except OSError as error:
        raise SpikesoundError(f"{target}: cannot be written: {error.strerror}") from error
