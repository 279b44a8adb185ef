"""Which trained model a command uses: the one that is named, or a good one of those there are."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from spikesound.core.errors import SpikesoundError, unknown

WEIGHTS = "model.safetensors"
SPEC = "spec.json"
DECISION = "decision.csv"
KINDS = ("snn", "ann")
LABELS = ("strong", "both")


def choose_model(given: str | None, folders: Sequence[str]) -> tuple[Path, str]:
    """Return a model's file or folder, and in words which it is.

    Parameters
    ----------
    given : a path, or the name of a model in one of the folders; None: of the first folder that
        has models, the one with the best event F1 on its validation clips (``decision.csv`` beside
        it); where none says, a spiking one trained on strong labels rather than another
    folders : of trained models

    Raises
    ------
    SpikesoundError
        If there is none, or none of that name.
    """
    there = [found for folder in folders if (found := _models(Path(folder)))]
    if given is not None:
        path = Path(given)
        if path.exists():
            return _of(path), given
        names = {name: path for models in reversed(there) for name, path in models.items()}
        if given in names:
            return names[given], f"{given} ({names[given]})"
        if not names:
            raise SpikesoundError(f"{given}: no such model")
        raise unknown("model", given, names)
    if not there:
        raise SpikesoundError(
            f"no trained model in {' or '.join(folders)}: give one by --model, or train some: "
            "dvc exp run -S task=detection result"
        )
    models = there[0]
    name = min(models, key=lambda name: (-_validation_f1(models[name]), _rank(name)))
    others = f"; one of {len(models)}, --model takes another" if len(models) > 1 else ""
    return models[name], f"{name} ({models[name]}{others})"


def _models(folder: Path) -> dict[str, Path]:
    """Return the models in a folder, by name."""
    if not folder.is_dir():
        return {}
    places = [path for path in sorted(folder.iterdir()) if path.is_dir() and _has_model(path)]
    return {path.name: _of(path) for path in places}


def _has_model(folder: Path) -> bool:
    return (folder / WEIGHTS).is_file() or any(folder.glob(f"fold-*/{WEIGHTS}"))


def _of(path: Path) -> Path:
    """Return what is to be loaded: a file with all in it, or the folder of a classifier's fold."""
    if not path.is_dir():
        return path
    if (path / WEIGHTS).is_file():
        return path if (path / SPEC).is_file() else path / WEIGHTS
    folds = sorted(path.glob(f"fold-*/{WEIGHTS}"))
    if not folds:
        raise SpikesoundError(f"{path}: no model in this folder")
    return folds[0].parent


def _validation_f1(path: Path) -> float:
    """Return the mean over classes of the event F1 by which thresholds were chosen; else 0."""
    table = path.with_name(DECISION)
    if not table.is_file():
        return 0.0
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return sum(float(row["event_f1"]) for row in rows) / len(rows)
    except (KeyError, ValueError, ZeroDivisionError):
        return 0.0


def _rank(name: str) -> tuple[int, int, str]:
    parts = name.split("-")
    kind = KINDS.index(parts[0]) if parts[0] in KINDS else len(KINDS)
    labels = LABELS.index(parts[-1]) if parts[-1] in LABELS else len(LABELS)
    return kind, labels, name
