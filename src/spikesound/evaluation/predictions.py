"""The PREDICTIONS table from matrices of scores and targets, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError, unknown
from spikesound.tasks.classification.scores import ScoreMatrix
from spikesound.tasks.multilabel import Flags, Scores


def to_frame(
    clip_ids: Sequence[str],
    folds: Sequence[str],
    labels: Sequence[str],
    scores: Scores,
    targets: Flags,
) -> pd.DataFrame:
    """Return the PREDICTIONS frame of scores and targets, each of shape (clip, label)."""
    shape = (len(clip_ids), len(labels))
    if not (scores.shape == targets.shape == shape and len(folds) == len(clip_ids)):
        raise SpikesoundError(
            f"scores {scores.shape} and targets {targets.shape} are not (clip, label) = {shape}"
        )
    return pd.DataFrame(
        {
            "clip_id": np.repeat(np.asarray(clip_ids, dtype=object), len(labels)),
            "fold": np.repeat(np.asarray(folds, dtype=object), len(labels)),
            "label": np.tile(np.asarray(labels, dtype=object), len(clip_ids)),
            "target": np.ascontiguousarray(targets, dtype=bool).ravel(),
            "score": np.ascontiguousarray(scores, dtype=np.float64).ravel(),
        }
    )


def to_matrix(
    predictions: pd.DataFrame, labels: Sequence[str] | None = None, *, multilabel: bool = False
) -> ScoreMatrix:
    """Arrange a PREDICTIONS frame as matrices, clips sorted by id.

    Parameters
    ----------
    predictions
        One row per clip and label, in any order.
    labels
        Class order; by default the order in which labels first appear.
    multilabel
        Whether each label has a probability of its own (sigmoid).

    Raises
    ------
    SpikesoundError
        If a column or a (clip, label) pair is missing or given twice, a label is unknown, a score
        is not within [0, 1], or a clip has no true label, unless clips may have any number.
    """
    missing = sorted(set(schema.PREDICTIONS.names) - set(predictions.columns))
    if missing:
        raise SpikesoundError(f"predictions: no column {', '.join(missing)}")
    if predictions.empty:
        raise SpikesoundError("predictions: no rows, so there is nothing to evaluate")
    order = list(labels) if labels is not None else list(dict.fromkeys(predictions["label"]))
    strange = sorted(set(predictions["label"]) - set(order))
    if strange:
        raise unknown("label in predictions", strange[0], order)
    clip_ids = tuple(sorted(set(predictions["clip_id"])))
    rows = pd.Index(clip_ids).get_indexer(pd.Index(predictions["clip_id"]))
    columns = pd.Index(order).get_indexer(pd.Index(predictions["label"]))
    _check_pairs(rows, columns, clip_ids, order)

    scores = np.empty((len(clip_ids), len(order)), dtype=np.float64)
    targets = np.empty(scores.shape, dtype=bool)
    scores[rows, columns] = predictions["score"].to_numpy(dtype=np.float64)
    targets[rows, columns] = predictions["target"].to_numpy(dtype=bool)
    _check_scores(scores, clip_ids, order)
    if not multilabel:
        _check_targets(targets, clip_ids)
    return ScoreMatrix(clip_ids, tuple(order), scores, targets, multilabel)


def _check_pairs(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    clip_ids: Sequence[str],
    labels: Sequence[str],
) -> None:
    pairs = np.bincount(rows * len(labels) + columns, minlength=len(clip_ids) * len(labels))
    wrong = np.flatnonzero(pairs != 1)
    if wrong.size:
        row, column = divmod(int(wrong[0]), len(labels))
        actual = "no row" if pairs[wrong[0]] == 0 else f"{pairs[wrong[0]]} rows"
        raise SpikesoundError(
            f"predictions: {actual} for clip {clip_ids[row]!r} and label {labels[column]!r}, "
            f"not one ({wrong.size} such pairs)"
        )


def _check_scores(scores: Scores, clip_ids: Sequence[str], labels: Sequence[str]) -> None:
    outside = np.argwhere(~((scores >= 0) & (scores <= 1)))
    if outside.size:
        row, column = outside[0]
        raise SpikesoundError(
            f"predictions: score {scores[row, column]} of clip {clip_ids[row]!r} for label "
            f"{labels[column]!r} is not within 0 and 1 ({len(outside)} such scores)"
        )


def _check_targets(targets: Flags, clip_ids: Sequence[str]) -> None:
    bare = np.flatnonzero(~targets.any(axis=1))
    if bare.size:
        raise SpikesoundError(
            f"predictions: clip {clip_ids[bare[0]]!r} has no true label ({bare.size} such clips)"
        )
