"""``spikesound learn`` and ``spikesound forget``: sounds that a trained model learns locally."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import LearntFile, ModelName, Models
from spikesound.core.errors import SpikesoundError, shown, unknown

if TYPE_CHECKING:
    from spikesound.apps.learning import Recordings
    from spikesound.inference.learnt.activity import Activity
    from spikesound.inference.learnt.file import Recording, Taught
    from spikesound.models.loading import TrainedModel

OTHERS = "--not"


class WithOthers(TyperCommand):
    """A command whose option ``--not`` takes all arguments up to the next option.

    A shell replaces ``street/*.wav`` by many arguments: the second must not be taken for a
    recording of the sound.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the option before each of its arguments."""
        repeated: list[str] = []
        within = False
        for argument, following in zip(args, [*args[1:], "--"], strict=True):
            if argument.startswith("--"):
                within = argument.split("=")[0] == OTHERS
                if argument != OTHERS or following.startswith("--"):
                    repeated.append(argument)
            else:
                repeated += [OTHERS, argument] if within else [argument]
        return super().parse_args(ctx, repeated)


def learn(
    name: Annotated[str, typer.Argument(help="Label of the sound.")],
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILES...", help="Recordings of it, or folders of them."),
    ],
    others: Annotated[
        list[str] | None,
        typer.Option(OTHERS, metavar="FILES...", help="Recordings of other sounds, or background."),
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="More of a sound learnt before.")] = False,
    model: ModelName = None,
    models: Models = workspace.MODELS,
    learnt: LearntFile = None,
    known: Annotated[
        str,
        typer.Option(help="Folder of the pipeline's features: the known classes as other sounds."),
    ] = workspace.FEATURES,
) -> None:
    """Teach a trained model a new sound from a handful of recordings.

    Nothing is trained again: one neuron is added to the read-out, in a file beside the model.
    """
    from spikesound.apps.cli.model_choice import choose_model
    from spikesound.apps.learning import Recordings
    from spikesound.inference.learnt.file import learnt_path, write
    from spikesound.inference.learnt.rows import taught_of
    from spikesound.inference.learnt.teach import teach
    from spikesound.models.loading import load

    started = time.perf_counter()
    path, words = choose_model(model, models)
    trained = load(path)
    target = learnt or learnt_path(path)
    before = taught_of(trained, path, target) if target.exists() else []
    earlier = _earlier(name, before, trained, add)
    print(f"model: {words}", file=sys.stderr)
    recordings = Recordings(trained)
    examples: list[tuple[Recording, Activity]] = []
    if earlier is not None:
        recordings.add_known(earlier.sound.recordings)
        examples += zip(earlier.sound.recordings, earlier.examples, strict=True)
    new, without = _read(recordings, files, others or [])
    examples += new
    without += _known(trained, Path(known))
    rest = [each for each in before if each is not earlier]
    taught = teach(trained, name, examples, without, rest)
    _unchanged(target, before, trained, path)
    write(target, path, trained.name, [taught if each is earlier else each for each in before]
          + ([] if earlier else [taught]))  # fmt: skip
    print(f"{name}: {taught.sound.checked.sentence()}")
    seconds = time.perf_counter() - started
    print(f"learnt from {len(examples)} recordings in {seconds:.1f} s: {target}", file=sys.stderr)


def forget(
    name: Annotated[str, typer.Argument(help="Label of a learnt sound.")],
    model: ModelName = None,
    models: Models = workspace.MODELS,
    learnt: LearntFile = None,
) -> None:
    """Remove a sound that a model has learnt (spikesound models lists them)."""
    from spikesound.apps.cli.model_choice import choose_model
    from spikesound.inference.learnt.file import learnt_path, write
    from spikesound.inference.learnt.rows import taught_of
    from spikesound.models.loading import load

    path, words = choose_model(model, models)
    trained, target = load(path), learnt or learnt_path(path)
    before = taught_of(trained, path, target) if target.exists() else []
    left = [each for each in before if each.sound.name != name]
    if not before:
        raise SpikesoundError(f"{words}: no learnt sounds ({target})")
    if len(left) == len(before):
        raise unknown("learnt sound", name, [each.sound.name for each in before])
    if left:
        write(target, path, trained.name, left)
    else:
        target.unlink()
    print(f"{name}: forgotten; learnt sounds left: {len(left)}")


def _earlier(name: str, before: Sequence[Taught], model: TrainedModel, add: bool) -> Taught | None:
    """Return the sound of that name, to which recordings are added; None if it is a new one.

    Raises
    ------
    SpikesoundError
        If it exists and is not to be added to, or the reverse, or it is no valid name.
    """
    from spikesound.inference.learnt.file import check_new_name

    by_name = {each.sound.name: each for each in before}
    if add:
        if name not in by_name:
            raise unknown("learnt sound to add to", name, by_name)
        return by_name[name]
    if name in by_name:
        raise SpikesoundError(
            f"{name}: already learnt; use --add for more recordings of it, or spikesound forget"
        )
    check_new_name(name, [*model.labels, *model.ids, *by_name])
    return None


def _read(
    recordings: Recordings, files: Sequence[str], others: Sequence[str]
) -> tuple[list[tuple[Recording, Activity]], list[Activity]]:
    """Return the recordings of a sound, and the activity for those of other sounds.

    Raises
    ------
    SpikesoundError
        If any of them cannot be used; each is reported in a line of its own.
    """
    from spikesound.audio.paths import find_sounds
    from spikesound.core.progress import SCREEN, track

    sounds = [*find_sounds(files)]
    count = len(sounds)
    sounds += find_sounds(others) if others else []
    read: list[tuple[Recording, Activity]] = []
    errors: list[SpikesoundError] = []
    for sound in track(sounds, total=len(sounds), what="reading", unit="file"):
        try:
            read.append(recordings.read(sound))
        except SpikesoundError as error:
            errors.append(error)
            with SCREEN.paused():
                print(f"error: {shown(error)}", file=sys.stderr)
    if errors:
        raise SpikesoundError(
            f"{len(errors)} of {len(sounds)} recordings cannot be used: see above; nothing learnt"
        )
    return read[:count], [activity for _, activity in read[count:]]


def _known(model: TrainedModel, features: Path) -> list[Activity]:
    """Return the activity for clips of the known classes; features that do not fit are reported."""
    from spikesound.apps.learning import known_clips

    try:
        return known_clips(model, features / model.spec.task)
    except SpikesoundError as error:
        print(f"known classes left out: {shown(error)}", file=sys.stderr)
        return []


def _unchanged(target: Path, before: Sequence[Taught], model: TrainedModel, path: Path) -> None:
    """Check that no other process has written the file meanwhile."""
    from spikesound.inference.learnt.rows import taught_of

    now = taught_of(model, path, target) if target.exists() else []
    if [each.sound for each in now] != [each.sound for each in before]:
        raise SpikesoundError(f"{target}: changed meanwhile; run the same command again")
