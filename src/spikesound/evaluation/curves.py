"""What DVC plots: learning curves over the folds, and what each clip was taken for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.predictions import ScoreMatrix

CURVE_COLUMNS = ("fold", "epoch", "train_loss", "validation_loss", "validation_accuracy")
CONFUSION_COLUMNS = ("actual", "predicted")


def curves_frame(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the histories of all folds under one another, columns :data:`CURVE_COLUMNS`.

    Parameters
    ----------
    histories
        For each held-out fold one row an epoch; further columns are left out.

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
        parts.append(history.assign(fold=fold)[list(CURVE_COLUMNS)])
    return pd.concat(parts, ignore_index=True)


def write_curves(histories: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write metrics/curves/<model>.csv; see :func:`curves_frame`."""
    _write_csv(curves_frame(histories), path)


def read_curves(path: Path) -> pd.DataFrame:
    """Read what :func:`write_curves` wrote, folds as texts."""
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; run the stage that makes it (dvc repro)")
    frame = pd.read_csv(path, dtype={"fold": str})
    if list(frame.columns) != list(CURVE_COLUMNS):
        raise SpikesoundError(f"{path}: columns {list(frame.columns)} are not {CURVE_COLUMNS}")
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
    missing = [label for label in matrix.labels if label not in names]
    if missing:
        raise SpikesoundError(f"labels.json: no display name of {', '.join(missing)}")
    shown = np.array([names[label] for label in matrix.labels], dtype=object)
    actual, predicted = taken_for(matrix)
    return pd.DataFrame({"actual": shown[actual], "predicted": shown[predicted]})


def write_confusion(matrix: ScoreMatrix, names: Mapping[str, str], path: Path) -> None:
    """Write metrics/confusion/<model>.csv; see :func:`confusion_frame`."""
    _write_csv(confusion_frame(matrix, names), path)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
