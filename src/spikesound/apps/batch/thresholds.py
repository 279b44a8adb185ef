"""Thresholds of classes from a file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spikesound.apps.api import Model
from spikesound.core.errors import SpikesoundError, short, unknown
from spikesound.models.calibration import NONE
from spikesound.params.base import read_sections

COLUMNS = ["label", "threshold"]
YAML_SUFFIXES = (".yaml", ".yml")


def read_thresholds(path: Path, model: Model) -> dict[str, float]:
    """Return the thresholds of a file, by display name of the class.

    The file is CSV with the columns ``label`` and ``threshold``, or YAML, ``label: threshold``. A
    label is a display name or a label id of the model, or ``none of these`` of a calibrated
    classifier. Classes that it does not name keep their own.

    Raises
    ------
    SpikesoundError
        If the file is missing or of another form; a label is none of the model's, or named twice;
        a threshold is not from 0 to 1. The message names the file and the row, or lists the labels.
    """
    labels = [*model.labels, NONE] if model.refuses else model.labels
    names = dict(zip(model.trained.ids, model.labels, strict=True))
    names |= {label: label for label in labels}
    thresholds: dict[str, float] = {}
    rows = list(_from_yaml(path) if path.suffix.lower() in YAML_SUFFIXES else _from_csv(path))
    for where, label, text in rows:
        if label not in names:
            raise SpikesoundError(f"{where}: {unknown('label', label, labels)}")
        if names[label] in thresholds:
            raise SpikesoundError(f"{where}: {names[label]!r} is named twice")
        thresholds[names[label]] = _share(where, text)
    if not thresholds:
        raise SpikesoundError(f"{path}: no thresholds in it")
    return thresholds


def with_thresholds(model: Model, thresholds: Mapping[str, float]) -> Model:
    """Return a detector with other thresholds for some classes, by display name."""
    spec = model.trained.spec
    if not thresholds or spec.decision is None:
        return model
    own = zip(model.labels, spec.decision.thresholds, strict=True)
    changed = [thresholds.get(label, threshold) for label, threshold in own]
    decision = spec.decision.model_copy(update={"thresholds": changed})
    return Model(replace(model.trained, spec=spec.model_copy(update={"decision": decision})))


def _share(where: str, text: Any) -> float:
    try:
        value = math.nan if isinstance(text, bool) else float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value <= 1:
        raise SpikesoundError(
            f"{where}: expected a threshold from 0 to 1, got {short(repr(text), 60)}"
        )
    return value


def _from_yaml(path: Path) -> Iterator[tuple[str, str, Any]]:
    for label, threshold in read_sections(path).items():
        yield f"{path}: {label}", str(label), threshold


def _from_csv(path: Path) -> Iterator[tuple[str, str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SpikesoundError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpikesoundError(f"{path}: invalid UTF-8") from error
    reader = csv.reader(io.StringIO(text))
    _check_head(path, next(reader, []))
    for row in _filled(reader):
        where = f"{path}, line {reader.line_num}"
        if len(row) != len(COLUMNS):
            raise SpikesoundError(f"{where}: expected label,threshold, got {len(row)} cells")
        yield where, row[0].strip(), row[1].strip()


def _check_head(path: Path, head: Sequence[str]) -> None:
    if [cell.strip().lower() for cell in head] != COLUMNS:
        got = short(",".join(head), 60)
        raise SpikesoundError(f"{path}, line 1: expected the head label,threshold, got {got!r}")


def _filled(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    return (row for row in rows if any(cell.strip() for cell in row))
