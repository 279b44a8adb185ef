"""Percentile bootstrap of any metric of either task, over recordings or over clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.clusters import Groups, Mixtures

Values = NDArray[np.float64]
Weights = NDArray[np.float64]

WeightedMetrics = Callable[[Weights], Mapping[str, Values]]
"""Returns each metric (resample,) of weights (resample, clip): how often a resample holds a clip.

``functools.partial(weighted_metrics, matrix)`` of a classifier, ``measured.weighted_metrics`` of a
detector.
"""

# Resamples are drawn and scored in blocks, so that memory stays near 8 bytes times this.
_BLOCK_NUMBERS = 4_000_000

_DRAWS = 100
"""Maximum number of times that resamples without any clip are drawn again."""


def resampled(
    metrics: WeightedMetrics,
    groups: Groups,
    *,
    generator: np.random.Generator,
    resamples: int,
) -> dict[str, Values]:
    r"""Return each metric of all clips, and then of each resample, shape (1 + resample,).

    Each resample draws as many recordings as there are, with replacement, and with each all of its
    clips.

    Clips of one recording resemble each other: a model that errs on one errs more often on the
    others. Drawn one by one, they would feign more evidence than there is, and the interval would
    be too narrow. Where each recording has one clip, this is the bootstrap over clips.

    The models stay as they were trained: the values show how much depends on which recordings
    were tested, not how much depends on the training's random numbers. A metric that does not
    exist in a resample (of a class without a positive, say) is NaN there.

    Two models scored on the same clips meet the same resamples when their generators have the same
    seed: the differences of their values are those of a paired bootstrap.

    Parameters
    ----------
    metrics
        Of the clips, for any weighting of them.
    groups
        What is drawn as one; see :func:`draw`.
    generator
        Draws the resamples.
    resamples
        How many, at least 1.

    Raises
    ------
    SpikesoundError
        If there is to be no resample.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3; of clusters:
    Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8.
    """
    if resamples < 1:
        raise SpikesoundError(f"bootstrap: resamples: must be at least 1, got {resamples}")
    block = max(1, _BLOCK_NUMBERS // len(groups))
    parts: dict[str, list[Values]] = {}
    for start in range(0, resamples, block):
        weights = draw(groups, min(block, resamples - start), generator)
        if start == 0:
            weights = np.concatenate([np.ones((1, len(groups))), weights])
        for name, values in metrics(weights).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def draw(groups: Groups, resamples: int, generator: np.random.Generator) -> Weights:
    r"""Return how often each clip is drawn, shape (resample, clip).

    The recordings of a resample are as many as there are. Clips cut from one recording
    (:data:`~spikesound.evaluation.clusters.Clusters`) are drawn as often as it is; a resample has
    as many clips as there are on average.

    Clips mixed of several recordings (:data:`~spikesound.evaluation.clusters.Mixtures`), which
    they share with others, are drawn as often as the product of their recordings' numbers says,
    :math:`w_i = \prod_{r \in i} n_r`: the pigeonhole bootstrap. It errs to wide intervals.
    Resamples without any clip are drawn again.

    References
    ----------
    Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1 (2007), 386-411.
    """
    if groups.ndim == 1:
        count = int(groups.max()) + 1
        return _times(count, resamples, generator)[:, groups].astype(np.float64)
    return _products(groups.astype(bool), resamples, generator)


def _products(mixtures: Mixtures, resamples: int, generator: np.random.Generator) -> Weights:
    weights = np.zeros((resamples, len(mixtures)))
    for _ in range(_DRAWS):
        empty = np.flatnonzero(~weights.any(axis=1))
        if not len(empty):
            return weights
        times = _times(mixtures.shape[1], len(empty), generator)
        for clip, of_clip in enumerate(mixtures):
            weights[empty, clip] = times[:, of_clip].prod(axis=1)
    raise SpikesoundError(
        f"bootstrap: {mixtures.shape[1]} recordings leave resamples without any clip; "
        "resample clips instead"
    )


def _times(count: int, resamples: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return how often each recording is drawn, shape (resample, recording)."""
    drawn = generator.integers(count, size=(resamples, count))
    offset = np.arange(resamples)[:, None] * count
    times = np.bincount((drawn + offset).ravel(), minlength=resamples * count)
    return times.reshape(resamples, count)


def percentiles(values: Values, confidence: float, *, nearest: bool = False) -> tuple[float, float]:
    r"""Return the bounds between which the middle ``confidence`` of the values lies.

    With :math:`\alpha = 1 - \text{confidence}`, they are the :math:`\alpha/2` and
    :math:`1 - \alpha/2` quantiles of the values that exist; NaN where none does.

    Parameters
    ----------
    values
        Of the resamples, without that of all clips.
    confidence
        Between 0 and 1, exclusive.
    nearest
        Whether a bound is one of the values; otherwise it is interpolated between two. Between an
        infinite d' and a finite one there is no middle.

    Raises
    ------
    SpikesoundError
        If the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise SpikesoundError(f"bootstrap: confidence: must be between 0 and 1, got {confidence}")
    present = values[~np.isnan(values)]
    if not len(present):
        return math.nan, math.nan
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(present, tails, method="nearest" if nearest else "linear")
    return float(low), float(high)


def column_percentiles(values: Values, confidence: float) -> tuple[Values, Values]:
    """Return the bounds of :func:`percentiles` for each figure of values (resample, ...)."""
    columns = values.reshape(len(values), -1).T
    bounds = np.array([percentiles(column, confidence) for column in columns])
    low, high = bounds.T.reshape(2, *values.shape[1:])
    return low, high


def with_intervals(
    values: Mapping[str, Values], confidence: float, *, nearest: bool = False
) -> dict[str, float | None]:
    """Return each metric with the ends ``_low`` and ``_high`` of its interval.

    A value that does not exist or is infinite is None.

    Parameters
    ----------
    values
        From :func:`resampled`: of all clips, and then of each resample.
    confidence, nearest
        As of :func:`percentiles`.
    """
    figures: dict[str, float | None] = {}
    for name, of_metric in values.items():
        low, high = percentiles(of_metric[1:], confidence, nearest=nearest)
        whole = float(of_metric[0])
        for key, value in ((name, whole), (f"{name}_low", low), (f"{name}_high", high)):
            figures[key] = value if math.isfinite(value) else None
    return figures
