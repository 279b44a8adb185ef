"""What is trained: a line for each model in a folder, by its files' headers and its metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping
from spikesound.models import classifier_file, detector_file, safe_file

WEIGHTS, SPEC = "model.safetensors", "spec.json"
NOT_LEARNT = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Listed:
    """A trained model.

    Attributes
    ----------
    name, path : of the folder; a classifier's has a folder for each fold
    kind : ``classifier``, ``detector`` or ``?``
    trained_on : in words
    classes, parameters, size : numbers of classes and of learnt values, bytes of the weights' file
    metrics : all of its metrics file; empty if there is none
    error : what is wrong with it; None if nothing is
    """

    name: str
    path: str
    kind: str
    trained_on: str = ""
    classes: int = 0
    parameters: int = 0
    size: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def list_models(folders: Sequence[Path], metrics: Sequence[Path]) -> list[Listed]:
    """Return the models in the folders, by name. A damaged one is there with its error.

    Parameters
    ----------
    folders : of models: ``<name>/model.safetensors`` or ``<name>/fold-<k>/``, or files of their own
    metrics : folders with ``<name>.json``; a classifier's are in the first, a detector's in the
        second

    Raises
    ------
    SpikesoundError
        If none of the folders is there.
    """
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        raise SpikesoundError(
            f"{' or '.join(map(str, folders))}: no such folder; train models first (dvc repro)"
        )
    found = []
    for folder in there:
        for path in sorted(folder.iterdir()):
            if (model := _listed(path, metrics)) is not None:
                found.append(model)
    return found


def _listed(path: Path, metrics: Sequence[Path]) -> Listed | None:
    folds = sorted(path.glob(f"fold-*/{WEIGHTS}"))
    weights = path if path.suffix == ".safetensors" else path / WEIGHTS
    try:
        if folds:
            return _folds(path, folds, metrics)
        if weights.is_file():
            return _file(path, weights, metrics)
    except SpikesoundError as error:
        return Listed(path.stem, str(path), "?", error=str(error))
    return None


def _folds(path: Path, folds: Sequence[Path], metrics: Sequence[Path]) -> Listed:
    spec = read_mapping(folds[0].parent / SPEC)
    names = [fold.parent.name.removeprefix("fold-") for fold in folds]
    held_out = f"fold {names[0]}" if len(names) == 1 else f"each of folds {', '.join(names)}"
    file = safe_file.read(folds[0])
    return Listed(
        path.name,
        str(path),
        "classifier",
        f"clips ({spec.get('encoding', '?')}); {held_out} left out",
        _count(spec.get("classes")),
        _parameters(file),
        folds[0].stat().st_size,
        _metrics(metrics[:1], path.name),
    )


def _count(found: Any) -> int:
    return len(found) if isinstance(found, list) else 0


def _file(path: Path, weights: Path, metrics: Sequence[Path]) -> Listed:
    file = safe_file.read(weights)
    if file.metadata["format"] == detector_file.FORMAT:
        spec, kind, places = file.spec, "detector", metrics[1:]
        trained_on = f"{_get(spec, 'labels')} labels; fold {_get(spec, 'test_fold')} left out"
    elif file.metadata["format"] == classifier_file.FORMAT:
        spec, kind, places = _get(file.spec, "network"), "classifier", metrics[:1]
        trained_on = f"clips ({_get(spec, 'encoding')}); fold {_get(spec, 'fold')} left out"
    else:
        file.refuse(f"format {file.metadata['format'][:40]!r} is not known")
    name = str(_get(spec, "model"))
    return Listed(
        name,
        str(path),
        kind,
        trained_on,
        _count(_get(spec, "classes")),
        _parameters(file),
        weights.stat().st_size,
        _metrics(places, name),
    )


def _get(spec: Any, key: str) -> Any:
    return spec.get(key, "?") if isinstance(spec, dict) else "?"


def _parameters(file: safe_file.SafeFile) -> int:
    return sum(
        math.prod(entry.shape)
        for name, entry in file.table.items()
        if not name.endswith(NOT_LEARNT)
    )


def _metrics(folders: Sequence[Path], name: str) -> dict[str, Any]:
    paths = [folder / f"{Path(name).name}.json" for folder in folders]
    found: dict[str, Any] = {}
    for path in paths:
        if path.is_file():
            found |= read_mapping(path)
    return found
