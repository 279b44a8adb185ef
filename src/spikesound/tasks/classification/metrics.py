"""Accuracy, macro F1 and mean average precision, on any number of weighted samples at once.

A bootstrap resample is a vector that says how often each clip was drawn. Every metric here takes a
matrix of such vectors, so that 1,000 resamples cost a few matrix operations and not 1,000 calls;
the plain metric is the one whose vector is all ones. Both therefore come from the same code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikesound.evaluation.predictions import Flags, ScoreMatrix, Scores

METRICS = ("accuracy", "macro_f1", "map")

Weights = NDArray[np.float64]
Values = NDArray[np.float64]

_DECISION_THRESHOLD = 0.5


def metrics(matrix: ScoreMatrix) -> dict[str, float]:
    """Return accuracy, macro F1 and mean average precision, each between 0 and 1."""
    once = np.ones((1, len(matrix.clip_ids)))
    return {name: float(values[0]) for name, values in weighted_metrics(matrix, once).items()}


def weighted_metrics(matrix: ScoreMatrix, weights: Weights) -> dict[str, Values]:
    """Return each metric of :data:`METRICS` for every weighting of the clips.

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
    decided = decisions(matrix)
    return {
        "accuracy": accuracy(matrix.scores, matrix.targets, weights),
        "macro_f1": macro_f1(decided, matrix.targets, weights),
        "map": mean_average_precision(matrix.scores, matrix.targets, weights),
    }


def decisions(matrix: ScoreMatrix) -> Flags:
    """Return which labels the model is taken to name, shape (clip, label).

    Where every clip has one true label the model names one: the highest-scoring (the earlier in
    class order where two are equal). Where some clip has several, the model names every label that
    scores 0.5 or more, which may be none.
    """
    if not matrix.single_label:
        return matrix.scores >= _DECISION_THRESHOLD
    named = np.zeros(matrix.targets.shape, dtype=bool)
    named[np.arange(len(named)), matrix.scores.argmax(axis=1)] = True
    return named


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
    hit = weights @ (decided & targets)
    either = weights @ decided.astype(np.float64) + weights @ targets.astype(np.float64)
    return _mean_over_labels(2 * hit, either)


def mean_average_precision(scores: Scores, targets: Flags, weights: Weights) -> Values:
    r"""Return the mean over labels of average precision.

    For one label, with precision :math:`P_n` and recall :math:`R_n` when the clips that score at
    least the :math:`n`-th highest distinct score are named,

    .. math:: AP = \sum_n (R_n - R_{n-1}) P_n,

    not interpolated, clips of equal score entering together: the definition of scikit-learn's
    ``average_precision_score``. A label without a positive in a resample has no AP and is left out
    of that resample's mean.

    Shapes: scores and targets (clip, label), weights (resample, clip); result (resample,).
    """
    resamples, labels = len(weights), targets.shape[1]
    area = np.empty((resamples, labels))
    positives = np.empty((resamples, labels))
    for label in range(labels):
        area[:, label], positives[:, label] = _area(scores[:, label], targets[:, label], weights)
    return _mean_over_labels(area, positives)


def _area(scores: Scores, targets: Flags, weights: Weights) -> tuple[Values, Values]:
    """Return AP times the number of positives, and that number, of one label per resample."""
    order = np.argsort(-scores, kind="stable")
    # Clips of equal score are cut off together, so only the last of each run is a threshold.
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    drawn = weights[:, order]
    named = np.cumsum(drawn, axis=1)[:, last]
    hits = np.cumsum(drawn * targets[order], axis=1)[:, last]
    # A threshold above every clip drawn names none; it adds no recall, so its precision is moot.
    precision = hits / np.maximum(named, 1)
    gained = np.diff(hits, axis=1, prepend=0.0)
    area: Values = (gained * precision).sum(axis=1)
    positives: Values = hits[:, -1]
    return area, positives


def _mean_over_labels(numerator: Values, denominator: Values) -> Values:
    """Return the mean over the last axis of the quotients whose denominator is above zero."""
    defined = denominator > 0
    quotient = np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=defined)
    counted = defined.sum(axis=1)
    mean: Values = np.full(len(counted), np.nan)
    np.divide(quotient.sum(axis=1), counted, out=mean, where=counted > 0)
    return mean
