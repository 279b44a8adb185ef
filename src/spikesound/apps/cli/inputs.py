"""Common part of ``predict`` and ``detect``: sounds through a model to the terminal or to files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikesound.apps.cli.batch_options import BatchOptions
from spikesound.core.errors import SpikesoundError, choose

if TYPE_CHECKING:
    from spikesound.apps.annotations import Format, Labelled
    from spikesound.apps.api import Model
    from spikesound.apps.batch.processes import Process

TABLE = "table"
PARQUET = "parquet"

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
        help="Instead of the terminal: FILE.csv or FILE.parquet, one table of all sounds; or a "
        "folder for one file of --format a sound. The same command goes on where an earlier one "
        "was broken off."
    ),
]
RunCode = Annotated[
    bool,
    typer.Option(
        "--run-code", help="Execute the file of a model whose network is code of its own."
    ),
]
Raw = Annotated[
    bool,
    typer.Option(
        "--raw",
        help="As the network gives them: not calibrated, and never the answer 'none of these'.",
    ),
]
NOT_CALIBRATED = "not calibrated: it never answers 'none of these'"
Force = Annotated[bool, typer.Option("--force", help="Do all again, overwrite existing files.")]


@dataclass(frozen=True)
class Task:
    """What a command does with each sound.

    Attributes
    ----------
    formats : the valid formats; ``table`` beside them shows on the terminal
    prepare : returns what gives the output of a sound, a dataclass of all that it depends on;
        raises SpikesoundError if the model is not fit for it
    show : prints the table of one sound
    timed : whether outputs are events; else probabilities of whole files
    kind : that the model must be of if none is given; None: any
    """

    formats: Mapping[str, Format]
    prepare: Callable[[Model], Process]
    show: Callable[[Labelled], None]
    timed: bool = True
    kind: str | None = None


def process_all(
    task: Task,
    sounds: Sequence[str],
    model: str | None,
    models: str,
    name: str,
    out: Path | None,
    force: bool,
    options: BatchOptions,
    learnt: Path | None = None,
    raw: bool = False,
) -> None:
    """Process sounds with a model, and write or show each output as soon as it is made.

    A sound that cannot be read is reported in one line on stderr; the others are processed.

    Parameters
    ----------
    sounds : as given by the user
    model, models : see :func:`spikesound.apps.cli.model_choice.choose_model`
    name : of the format
    out, force : file or folder to write to, and whether to overwrite files
    learnt : file of learnt sounds; None: the one beside the model
    raw : whether the model's calibration is left out

    Raises
    ------
    SpikesoundError
        Before any work, if a parameter is wrong; after it, if a sound could not be processed.
    """
    from spikesound.apps.cli.model_choice import choose_model
    from spikesound.audio.paths import find_sounds

    is_table = out is not None and _is_table(out, name)
    chosen = None if is_table or name == TABLE else _format(task.formats, name)
    options.check(is_table, task.timed)
    refine = options.refinement()
    files = find_sounds(sounds)
    if out is not None and not is_table and chosen is None:
        raise SpikesoundError(
            "--out writes files: expected FILE.csv, FILE.parquet, or --format too, one of those of "
            "--help"
        )
    if chosen is not None and out is None and chosen.join is None and len(files) > 1:
        raise SpikesoundError(f"format {name} takes one file a sound: expected --out FOLDER")
    path, words = choose_model(model, models, task=task.kind)

    from spikesound.apps.api import load
    from spikesound.apps.batch.run import Batch
    from spikesound.apps.cli.outputs import print_all, write_folder, write_table

    loaded = load(path, learnt=learnt, raw=raw)
    matters = task.kind == "detection" or not loaded.detects
    if matters and not raw and loaded.trained.calibration is None:
        words += f"; {NOT_CALIBRATED}"
    batch = Batch(loaded, path, task.prepare(loaded), refine, files, options.jobs, learnt, raw)
    if out is None:
        print(f"model: {words}", file=sys.stderr)
        failed = print_all(batch, chosen, task.show)
    elif is_table:
        failed = write_table(batch, out, task.timed, options, force, words)
    else:
        assert chosen is not None
        failed = write_folder(batch, out, chosen, force, words)
    if len(files) == 1 and failed:
        raise failed[0]
    if failed:
        raise SpikesoundError(f"{len(failed)} of {len(files)} sounds failed: see above")


def _is_table(out: Path, name: str) -> bool:
    from spikesound.apps.batch.tables import TABLES

    if out.suffix.lower() not in TABLES or out.is_dir():
        return False
    if name not in (TABLE, out.suffix.lower().lstrip(".")):
        raise SpikesoundError(f"--out {out}: expected a folder with --format {name}")
    return True


def _format(formats: Mapping[str, Format], name: str) -> Format:
    if name == PARQUET:
        raise SpikesoundError(
            "format parquet is one table of all sounds: expected --out FILE.parquet"
        )
    return choose(formats, name, "format (or table)")
