"""Choice of a command's trained model: the one that is named, or the best of a folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from spikesound.core.errors import SpikesoundError, unknown

if TYPE_CHECKING:
    from spikesound.models.spec import Spec

DECISION = "decision.csv"
LABELS = ("strong", "both", "weak")


def choose_model(given: str | None, folder: str, *, task: str | None = None) -> tuple[Path, str]:
    """Return a model's file, and in words which it is.

    Parameters
    ----------
    given : a path, or the name of a model in the folder or of a pretrained one
        (:data:`spikesound.models.pretrained.PRETRAINED`); None: of the models in the folder, a
        detector rather than a classifier; of detectors the one with the best event F1 on its
        validation clips (``decision.csv`` beside it); of equal ones a spiking one rather than
        another, and one trained on strong labels; those that are installed with the package are
        taken if the folder has none
    folder : of trained models; see :func:`spikesound.models.listing.model_paths`
    task : that the model must be of if none is given; None: any

    Raises
    ------
    SpikesoundError
        If there is none, none of that name, or those that there are are damaged.
    """
    from spikesound.models.shipped import folder as installed_in

    models = _models(Path(folder))
    if given is not None:
        return _named(given, models)
    specs = _specs(models, task)
    if not specs and (place := installed_in()):
        models = _models(place)
        specs = _specs(models, task)
    if not specs:
        what = {"detection": "detector", "classification": "classifier"}.get(task or "", "model")
        raise SpikesoundError(
            f"no trained {what} in {folder}: name one (--model), or train some "
            f"(dvc exp run -S task={task or 'detection'})"
        )
    name = min(specs, key=lambda name: _rank(models[name], specs[name]))
    others = f"; one of {len(specs)}, choose another with --model" if len(specs) > 1 else ""
    return models[name], f"{name} ({models[name]}{others})"


def _named(given: str, models: dict[str, Path]) -> tuple[Path, str]:
    from spikesound.models.loading import find_model
    from spikesound.models.pretrained import PRETRAINED, model_file
    from spikesound.models.shipped import named

    path = Path(given)
    is_name = len(path.parts) == 1 and not path.exists()
    if is_name and given in models:
        return models[given], f"{given} ({models[given]})"
    if is_name and given in PRETRAINED and not PRETRAINED[given].classes:
        raise SpikesoundError(
            f"pretrained network {given!r} gives embeddings and has no classes; networks start "
            f"from it: `needs: base/{given}` of a row (docs/guide/pretrained.md)"
        )
    if is_name and given in PRETRAINED:
        return model_file(given), f"{given} (pretrained)"
    if is_name and models and not named(given):
        raise unknown("model", given, [*models, *PRETRAINED])
    return find_model(path), given


def _models(folder: Path) -> dict[str, Path]:
    """Return the file of the first fold of each model in a folder, by its name."""
    from spikesound.models.listing import model_paths, weight_files

    if not folder.is_dir():
        return {}
    return {path.stem: weight_files(path)[0] for path in model_paths(folder)}


def _specs(models: dict[str, Path], task: str | None) -> dict[str, Spec]:
    """Return the specs of the models of a task; damaged ones are an error if all are."""
    from spikesound.models.file import load_spec

    specs, errors = {}, []
    for name, path in models.items():
        try:
            specs[name] = load_spec(path)
        except SpikesoundError as error:
            errors.append(error)
    if errors and not specs:
        raise errors[0]
    return {name: spec for name, spec in specs.items() if task in (None, spec.task)}


def _rank(path: Path, spec: Spec) -> tuple[bool, float, bool, int, str]:
    labels = LABELS.index(spec.labels) if spec.labels in LABELS else len(LABELS)
    f1 = _validation_f1(path.with_name(DECISION))
    return spec.task != "detection", -f1, not spec.spiking, labels, spec.model


def _validation_f1(table: Path) -> float:
    """Return the mean over classes of the event F1 by which thresholds were tuned; else 0."""
    if not table.is_file():
        return 0.0
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    try:
        return sum(float(row["event_f1"]) for row in rows) / len(rows)
    except (KeyError, ValueError, ZeroDivisionError):
        return 0.0
