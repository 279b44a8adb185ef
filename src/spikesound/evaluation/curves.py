"""Tables of a model over its folds: learning curves, confusion of labels, metrics of each label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.tasks.classification.metrics import class_table
from spikesound.tasks.classification.scores import ScoreMatrix

CURVE_COLUMNS = ("fold", "epoch", "train_loss", "validation_loss")
"""Columns of every model; the task's validation figures follow them."""
CONFUSION_COLUMNS = ("actual", "predicted")


def curves_frame(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the histories of all folds as one table, columns :data:`CURVE_COLUMNS` and figures.

    Parameters
    ----------
    histories
        For each fold of the cross-validation one row an epoch; the column seconds is left out.

    Raises
    ------
    SpikesoundError
        If there is no history, or one lacks a column or has no rows.
    """
    if not histories:
        raise SpikesoundError("learning curves: no fold has a history")
    parts = []
    for fold, history in histories.items():
        missing = [name for name in CURVE_COLUMNS[1:] if name not in history.columns]
        if missing:
            raise SpikesoundError(f"history of fold {fold}: no column {', '.join(missing)}")
        if history.empty:
            raise SpikesoundError(f"history of fold {fold}: no epoch")
        figures = [name for name in history.columns if name not in (*CURVE_COLUMNS, "seconds")]
        parts.append(history.assign(fold=fold)[[*CURVE_COLUMNS, *figures]])
    return pd.concat(parts, ignore_index=True)


def write_curves(histories: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write metrics/curves/<model>.csv; see :func:`curves_frame`."""
    write_csv(curves_frame(histories), path)


def read_curves(path: Path) -> pd.DataFrame:
    """Read what :func:`write_curves` wrote, folds as texts."""
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; run the stage that makes it (dvc repro)")
    frame = pd.read_csv(path, dtype={"fold": str})
    if list(frame.columns[: len(CURVE_COLUMNS)]) != list(CURVE_COLUMNS):
        raise SpikesoundError(
            f"{path}: expected columns {CURVE_COLUMNS}, got {list(frame.columns)}"
        )
    return frame


def taken_for(matrix: ScoreMatrix) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the column of each clip's actual and of its predicted label, each of shape (clip,).

    Predicted is the highest-scoring label. A clip with several true labels counts as the predicted
    one if that is among them, and as the first of them in class order if not, so that the diagonal
    holds what accuracy counts as right.
    """
    predicted = matrix.scores.argmax(axis=1)
    right = matrix.targets[np.arange(len(predicted)), predicted]
    actual = np.where(right, predicted, matrix.targets.argmax(axis=1))
    return actual, predicted


def confusion_counts(matrix: ScoreMatrix) -> NDArray[np.int64]:
    """Return how many clips of each actual label were taken for each, shape (actual, predicted)."""
    counts = np.zeros((len(matrix.labels), len(matrix.labels)), dtype=np.int64)
    np.add.at(counts, taken_for(matrix), 1)
    return counts


def confusion_frame(matrix: ScoreMatrix, names: Mapping[str, str]) -> pd.DataFrame:
    """Return one row a clip, columns actual and predicted, by the labels' display names.

    Raises
    ------
    SpikesoundError
        If a label has no display name.
    """
    shown = np.array(_display_names(matrix, names), dtype=object)
    actual, predicted = taken_for(matrix)
    return pd.DataFrame({"actual": shown[actual], "predicted": shown[predicted]})


def _display_names(matrix: ScoreMatrix, names: Mapping[str, str]) -> list[str]:
    missing = [label for label in matrix.labels if label not in names]
    if missing:
        raise SpikesoundError(f"labels.json: no display name of {', '.join(missing)}")
    return [names[label] for label in matrix.labels]


def write_confusion(matrix: ScoreMatrix, names: Mapping[str, str], path: Path) -> None:
    """Write metrics/confusion/<model>.csv; see :func:`confusion_frame`."""
    write_csv(confusion_frame(matrix, names), path)


def write_classes(matrix: ScoreMatrix, names: Mapping[str, str], path: Path) -> None:
    """Write metrics/classes/<model>.csv: a row a label, with its display name first.

    See :func:`spikesound.tasks.classification.metrics.class_table`.
    """
    table = class_table(matrix)
    table.insert(0, "name", _display_names(matrix, names))
    write_csv(table, path)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, six significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
