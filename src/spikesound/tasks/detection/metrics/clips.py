"""How well whole clips are labelled where each may have several classes, or none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.predictions import Flags, Scores
from spikesound.tasks.classification.metrics import Values, Weights, mean_average_precision

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

    Raises
    ------
    SpikesoundError
        If the shapes do not match.
    """
    if scores.shape != targets.shape or weights.shape[1] != len(scores):
        raise SpikesoundError(
            f"clips: scores {scores.shape}, targets {targets.shape} and weights {weights.shape} "
            "do not match"
        )
    area = auc(scores, targets, weights)
    return {
        "map": mean_average_precision(scores, targets, weights),
        "auc": area,
        "d_prime": d_prime(area),
        "lwlrap": lwlrap(scores, targets, weights),
    }


def unscored(targets: Flags) -> NDArray[np.intp]:
    """Return the columns of the classes that are true for no clip or for every clip."""
    positives = targets.sum(axis=0)
    return np.flatnonzero((positives == 0) | (positives == len(targets)))


def auc(scores: Scores, targets: Flags, weights: Weights) -> Values:
    r"""Return the mean over classes of the area under the ROC curve.

    For one class it is the probability that a clip with it scores higher than one without,

    .. math:: A = \frac{1}{PN} \sum_{p, n} [s_p > s_n] + \tfrac12 [s_p = s_n].

    Shapes: scores and targets (clip, class), weights (resample, clip); result (resample,).

    References
    ----------
    Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic
    (ROC) curve, Radiology 143 (1982), 29-36.
    """
    areas = np.stack(
        [class_auc(scores[:, c], targets[:, c], weights) for c in range(targets.shape[1])]
    )
    seen = ~np.isnan(areas)
    total, counted = np.where(seen, areas, 0.0).sum(axis=0), seen.sum(axis=0)
    mean: Values = np.where(counted > 0, total / np.maximum(counted, 1), np.nan)
    return mean


def class_auc(scores: Scores, targets: Flags, weights: Weights) -> Values:
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
    area over classes, as here).
    """
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
    summed = np.array(
        [_ranking_precision(s, t) if t.any() else 0.0 for s, t in zip(scores, targets, strict=True)]
    )
    labels = weights @ targets.sum(axis=1).astype(np.float64)
    value: Values = np.full(len(weights), np.nan)
    np.divide(weights @ summed, labels, out=value, where=labels > 0)
    return value


def _ranking_precision(scores: Scores, targets: Flags) -> float:
    """Return the precision at each true label of one clip, summed."""
    at_least = scores >= scores[targets, None]
    precision = (at_least & targets).sum(axis=1) / at_least.sum(axis=1)
    return float(precision.sum())
