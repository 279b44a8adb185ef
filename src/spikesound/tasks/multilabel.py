"""Metrics of clips that may have several classes, or none: mAP, AUC, d' and lwlrap.

Every metric takes a matrix of weights, a row of which says how often a resample holds each clip, so
that 1,000 resamples cost a few matrix operations and not 1,000 calls; the plain metric is the one
whose row is all ones. ``class_...`` gives each class its value, shape (resample, class), NaN where
the class has none; the metric itself is their mean over the classes that have one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Weights = NDArray[np.float64]
"""Weight of each clip in each resample, shape (resample, clip)."""
Values = NDArray[np.float64]

METRICS = ("map", "auc", "d_prime", "lwlrap")


def weighted_metrics(scores: Scores, targets: Flags, weights: Weights) -> dict[str, Values]:
    """Return each metric of :data:`METRICS` for every weighting of the clips.

    A class without a positive (for AUC: or without a negative) in a resample has no value there
    and is left out of that resample's mean; :func:`unscored` names those of which it holds for all
    clips. Where no class is left, the result is NaN.

    Parameters
    ----------
    scores, targets
        Shape (clip, class).
    weights
        Shape (resample, clip): how often the resample holds the clip.

    Returns
    -------
    dict
        For each metric an array of shape (resample,).

    Raises
    ------
    SpikesoundError
        If the shapes do not match.
    """
    check_shapes(scores, targets, weights)
    area = auc(scores, targets, weights)
    return {
        "map": mean_average_precision(scores, targets, weights),
        "auc": area,
        "d_prime": d_prime(area),
        "lwlrap": lwlrap(scores, targets, weights),
    }


def class_metrics(scores: Scores, targets: Flags) -> dict[str, Values]:
    """Return each class's average precision, AUC, d' and lwlrap over all clips.

    The keys are ``average_precision``, ``auc``, ``d_prime`` and ``lwlrap``, each of shape (class,),
    NaN where a class has no such value: one that is true for no clip has none of them, one that is
    true for every clip has no AUC and d'.

    Shapes: scores and targets (clip, class).
    """
    once = np.ones((1, len(scores)))
    check_shapes(scores, targets, once)
    area = class_auc(scores, targets, once)[0]
    return {
        "average_precision": class_average_precision(scores, targets, once)[0],
        "auc": area,
        "d_prime": d_prime(area),
        "lwlrap": class_lwlrap(scores, targets, once)[0],
    }


def unscored(targets: Flags) -> NDArray[np.intp]:
    """Return the columns of the classes that are true for no clip or for every clip."""
    positives = targets.sum(axis=0)
    return np.flatnonzero((positives == 0) | (positives == len(targets)))


def check_shapes(scores: Scores, targets: Flags, weights: Weights) -> None:
    """Check that scores and targets are (clip, class) and weights (resample, clip).

    Raises
    ------
    SpikesoundError
        If they are not.
    """
    if scores.shape != targets.shape or weights.shape[1] != len(scores):
        raise SpikesoundError(
            f"clips: scores {scores.shape}, targets {targets.shape} and weights {weights.shape} "
            "do not match"
        )


def mean_average_precision(scores: Scores, targets: Flags, weights: Weights) -> Values:
    """Return the mean over classes of :func:`class_average_precision`, shape (resample,)."""
    return mean_over_classes(class_average_precision(scores, targets, weights))


def class_average_precision(scores: Scores, targets: Flags, weights: Weights) -> Values:
    r"""Return the average precision of each class.

    With precision :math:`P_n` and recall :math:`R_n` when the clips that score at least the
    :math:`n`-th highest distinct score are named,

    .. math:: AP = \sum_n (R_n - R_{n-1}) P_n,

    not interpolated, clips of equal score entering together: the definition of scikit-learn's
    ``average_precision_score``. A class without a positive in a resample has no AP.

    Shapes: scores and targets (clip, class), weights (resample, clip); result (resample, class).
    """
    result = np.full((len(weights), targets.shape[1]), np.nan)
    for label in range(targets.shape[1]):
        area, positives = _area(scores[:, label], targets[:, label], weights)
        np.divide(area, positives, out=result[:, label], where=positives > 0)
    return result


def _area(scores: Scores, targets: Flags, weights: Weights) -> tuple[Values, Values]:
    """Return AP times the number of positives, and that number, of one class per resample."""
    order = np.argsort(-scores, kind="stable")
    # Clips of equal score are cut off together, so only the last of each run is a threshold.
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    drawn = weights[:, order]
    named = np.cumsum(drawn, axis=1)[:, last]
    true_positives = np.cumsum(drawn * targets[order], axis=1)[:, last]
    # A threshold above every clip drawn names none; it adds no recall, so its precision is moot.
    precision = true_positives / np.maximum(named, 1)
    gained = np.diff(true_positives, axis=1, prepend=0.0)
    area: Values = (gained * precision).sum(axis=1)
    positives: Values = true_positives[:, -1]
    return area, positives


def auc(scores: Scores, targets: Flags, weights: Weights) -> Values:
    """Return the mean over classes of :func:`class_auc`, shape (resample,)."""
    return mean_over_classes(class_auc(scores, targets, weights))


def class_auc(scores: Scores, targets: Flags, weights: Weights) -> Values:
    r"""Return the area under the ROC curve of each class.

    It is the probability that a clip with the class scores higher than one without,

    .. math:: A = \frac{1}{PN} \sum_{p, n} [s_p > s_n] + \tfrac12 [s_p = s_n].

    A class without a positive or without a negative in a resample has none.

    Shapes: scores and targets (clip, class), weights (resample, clip); result (resample, class).

    References
    ----------
    Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic
    (ROC) curve, Radiology 143 (1982), 29-36.
    """
    columns = range(targets.shape[1])
    areas = np.empty((len(weights), len(columns)))
    for label in columns:
        areas[:, label] = _auc_of_class(scores[:, label], targets[:, label], weights)
    return areas


def _auc_of_class(scores: Scores, targets: Flags, weights: Weights) -> Values:
    """Return the area of one class; scores and targets (clip,), result (resample,)."""
    _, level = np.unique(scores, return_inverse=True)
    # Weights summed over clips of equal score, in rising order of score.
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.diff(level[order], prepend=-1))
    positive = np.add.reduceat((weights * targets)[:, order], starts, axis=1)
    negative = np.add.reduceat((weights * ~targets)[:, order], starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    area: Values = np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
    return area


def d_prime(area: Values) -> Values:
    r"""Return :math:`d' = \sqrt 2\, \Phi^{-1}(A)` of areas under ROC curves; infinite at 1.

    The distance, in standard deviations, of two normal distributions of scores with that area.

    References
    ----------
    Hershey et al., CNN architectures for large-scale audio classification, ICASSP 2017 (of the mean
    area over classes, as in :func:`weighted_metrics`).
    """
    from scipy.special import ndtri  # here: the use of a model needs no metric

    distance: Values = np.sqrt(2) * ndtri(area)
    return distance


def lwlrap(scores: Scores, targets: Flags, weights: Weights) -> Values:
    r"""Return the label-weighted label-ranking average precision.

    For a clip and one of its labels, with the classes ranked by score, it is the share of true
    labels among those that rank at least as high. Over all such pairs the mean is taken,

    .. math:: \mathrm{lwlrap} = \frac{\sum_i w_i \sum_{c \in C_i} \mathrm{Prec}(i, c)}
              {\sum_i w_i |C_i|},

    so that each label of each clip counts alike (scikit-learn's
    ``label_ranking_average_precision_score`` with each clip weighted by its number of labels).
    Clips without labels have no say.

    Shapes: scores and targets (clip, class), weights (resample, clip); result (resample,).

    References
    ----------
    Fonseca et al., Audio tagging with noisy labels and minimal supervision, DCASE 2019.
    """
    precision = [_precision(s, t) for s, t in zip(scores, targets, strict=True)]
    summed = np.array([float(of_clip.sum()) for of_clip in precision])
    labels = weights @ targets.sum(axis=1).astype(np.float64)
    return quotient(weights @ summed, labels)


def class_lwlrap(scores: Scores, targets: Flags, weights: Weights) -> Values:
    r"""Return lwlrap of each class: the mean of its :math:`\mathrm{Prec}(i, c)` over its clips.

    Their mean, each class weighted by how many clips have it, is :func:`lwlrap`.

    Shapes: scores and targets (clip, class), weights (resample, clip); result (resample, class).
    """
    table = np.zeros(targets.shape)
    for row, (of_clip, true) in enumerate(zip(scores, targets, strict=True)):
        table[row, true] = _precision(of_clip, true)
    return quotient(weights @ table, weights @ targets.astype(np.float64))


def _precision(scores: Scores, targets: Flags) -> Values:
    """Return the precision at each true label of one clip, shape (true label,)."""
    at_least = scores >= scores[targets, None]
    precision: Values = (at_least & targets).sum(axis=1) / at_least.sum(axis=1)
    return precision


def mean_over_classes(values: Values) -> Values:
    """Return the mean of the values that are not NaN; (resample, class) to (resample,)."""
    defined = ~np.isnan(values)
    return quotient(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1))


def quotient(numerator: Values, denominator: NDArray[np.number]) -> Values:
    """Return the quotient, NaN where the denominator is not above zero."""
    result: Values = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
