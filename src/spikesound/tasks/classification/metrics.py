"""Metrics of classified clips: with one label each (softmax), or with several (sigmoid)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spikesound.tasks import multilabel
from spikesound.tasks.classification.scores import ScoreMatrix
from spikesound.tasks.multilabel import (
    Flags,
    Scores,
    Values,
    Weights,
    mean_average_precision,
    mean_over_classes,
    quotient,
)

METRICS = ("accuracy", "macro_f1", "map")
"""Of models with one label a clip; of those with several see
:data:`spikesound.tasks.multilabel.METRICS`."""

_DECISION_THRESHOLD = 0.5


def metric_names(matrix: ScoreMatrix) -> tuple[str, ...]:
    """Return the names of the metrics that apply to these scores."""
    return multilabel.METRICS if matrix.multilabel else METRICS


def metrics(matrix: ScoreMatrix) -> dict[str, float]:
    """Return each metric of :func:`metric_names` over all clips, NaN where it has no value."""
    once = np.ones((1, len(matrix.clip_ids)))
    return {name: float(values[0]) for name, values in weighted_metrics(matrix, once).items()}


def weighted_metrics(matrix: ScoreMatrix, weights: Weights) -> dict[str, Values]:
    """Return each metric of :func:`metric_names` for every weighting of the clips.

    Parameters
    ----------
    matrix
        Scores and targets.
    weights
        Shape (resample, clip): how often the resample holds the clip. No row may be all zero.

    Returns
    -------
    dict
        For each metric an array of shape (resample,).
    """
    if matrix.multilabel:
        return multilabel.weighted_metrics(matrix.scores, matrix.targets, weights)
    decided = decisions(matrix)
    return {
        "accuracy": accuracy(matrix.scores, matrix.targets, weights),
        "macro_f1": macro_f1(decided, matrix.targets, weights),
        "map": mean_average_precision(matrix.scores, matrix.targets, weights),
    }


def class_table(matrix: ScoreMatrix) -> pd.DataFrame:
    """Return one row per label: label, clips (that have it), and its metrics over all clips.

    The metrics are those of :func:`spikesound.tasks.multilabel.class_metrics`, NaN where a label
    has none: a label that is true for no clip, or (AUC and d') for every clip.
    """
    table = pd.DataFrame({"label": matrix.labels, "clips": matrix.targets.sum(axis=0)})
    return table.assign(**multilabel.class_metrics(matrix.scores, matrix.targets))


def decisions(matrix: ScoreMatrix) -> Flags:
    """Return which labels the model is taken to name, shape (clip, label).

    Where every clip has one true label the model names one: the highest-scoring (the earlier in
    class order where two are equal). Where some clip has several, or the scores are of several
    labels, the model names every label that scores 0.5 or more, which may be none.
    """
    if matrix.multilabel or not matrix.single_label:
        return matrix.scores >= _DECISION_THRESHOLD
    named = np.zeros(matrix.targets.shape, dtype=bool)
    named[np.arange(len(named)), matrix.scores.argmax(axis=1)] = True
    return named


def correct(matrix: ScoreMatrix) -> Flags:
    """Return whether each clip's highest-scoring label is among its true ones, shape (clip,)."""
    right: Flags = matrix.targets[np.arange(len(matrix.targets)), matrix.scores.argmax(axis=1)]
    return right


def accuracy(scores: Scores, targets: Flags, weights: Weights) -> Values:
    """Return the share of clips whose highest-scoring label is among their true ones.

    Shapes: scores and targets (clip, label), weights (resample, clip); result (resample,).
    """
    right = targets[np.arange(len(targets)), scores.argmax(axis=1)].astype(np.float64)
    share: Values = weights @ right / weights.sum(axis=1)
    return share


def macro_f1(decided: Flags, targets: Flags, weights: Weights) -> Values:
    r"""Return the mean over labels of :math:`F_1 = 2 TP / (2 TP + FP + FN)`.

    A label that is neither true nor named for any clip of a resample has no F1 and is left out of
    that resample's mean (``zero_division=nan`` of scikit-learn's ``f1_score``). If that holds for
    every label, the result is NaN.

    Shapes: decided and targets (clip, label), weights (resample, clip); result (resample,).
    """
    both = weights @ (decided & targets)
    either = weights @ decided.astype(np.float64) + weights @ targets.astype(np.float64)
    return mean_over_classes(quotient(2 * both, either))
