"""Table of the trained models in a folder, by their files' headers and their metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping
from spikesound.models import file, safe_file
from spikesound.models.file import WEIGHTS
from spikesound.models.integer_weights import SCALE
from spikesound.models.spec import Spec

BUFFERS = ("running_mean", "running_var", "num_batches_tracked", SCALE)
"""Ends of the names of what is stored with the weights and not trained."""


@dataclass(frozen=True)
class Listed:
    """A trained model.

    Attributes
    ----------
    name, path : of the model, and of its file or folder
    task : ``classification``, ``detection``, or ``?`` of a damaged one
    trained_on : labels, input and held-out folds, in words
    classes, parameters, size : numbers of classes and of parameters, bytes of the first fold's file
    metrics : all of its metrics file; empty if there is none
    error : what is wrong with it; None if nothing is
    """

    name: str
    path: str
    task: str
    trained_on: str = ""
    classes: int = 0
    parameters: int = 0
    size: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def list_models(folders: Sequence[Path], metrics: Path) -> list[Listed]:
    """Return the models in the folders, by name. A damaged one is listed with its error.

    Parameters
    ----------
    folders : see :func:`model_paths`
    metrics : folder with ``<task>/models/<name>.json``

    Raises
    ------
    SpikesoundError
        If there is none of the folders.
    """
    found = [folder for folder in folders if folder.is_dir()]
    if not found:
        raise SpikesoundError(
            f"{' or '.join(map(str, folders))}: no such folder; train models first (dvc repro)"
        )
    listed = []
    for folder in found:
        listed += [_listed(path, weight_files(path), metrics) for path in model_paths(folder)]
    return listed


def model_paths(folder: Path) -> list[Path]:
    """Return the models in a folder, and those in the folders in it, such as one for each task.

    A model is ``<name>/fold-<k>/model.safetensors``, ``<name>/model.safetensors``, or a file of any
    name that ends with ``.safetensors``.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if weight_files(path):
            found.append(path)
        elif path.is_dir():
            found += [child for child in sorted(path.iterdir()) if weight_files(child)]
    return found


def weight_files(path: Path) -> list[Path]:
    """Return a model's files, one a fold; none if the path is not a model.

    Parameters
    ----------
    path : a file, a folder with a file, or a folder with a folder for each fold
    """
    if path.suffix == ".safetensors" and path.is_file():
        return [path]
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    return sorted(path.glob(f"fold-*/{WEIGHTS}"))


def _listed(path: Path, files: Sequence[Path], metrics: Path) -> Listed:
    try:
        specs = [file.load_spec(each) for each in files]
        first = specs[0]
        return Listed(
            first.model,
            str(path),
            first.task,
            _trained_on(specs),
            len(first.classes),
            _parameters(safe_file.read(files[0])),
            files[0].stat().st_size,
            _metrics(metrics / first.task / "models" / f"{first.model}.json"),
        )
    except SpikesoundError as error:
        return Listed(path.stem, str(path), "?", error=str(error))


def _trained_on(specs: Sequence[Spec]) -> str:
    first, folds = specs[0], [spec.fold for spec in specs]
    if len(folds) == 1:
        held_out = f"fold {folds[0]} held out"
    else:
        held_out = f"each of folds {', '.join(folds)} held out"
    return f"{first.labels} labels, {first.encoding or 'features'}; {held_out}"


def _parameters(read: safe_file.SafeFile) -> int:
    return sum(
        math.prod(entry.shape) for name, entry in read.table.items() if not name.endswith(BUFFERS)
    )


def _metrics(path: Path) -> dict[str, Any]:
    return read_mapping(path) if path.is_file() else {}
