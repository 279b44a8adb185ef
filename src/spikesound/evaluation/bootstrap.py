"""How far a metric would move with other recordings of the same kind: the percentile bootstrap."""

from __future__ import annotations

import numpy as np

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.clusters import Clusters
from spikesound.evaluation.predictions import ScoreMatrix
from spikesound.tasks.classification.metrics import METRICS, Values, Weights, weighted_metrics

# Resamples are drawn and scored in blocks, so that memory stays near 8 bytes times this.
_BLOCK_NUMBERS = 4_000_000


def intervals(
    matrix: ScoreMatrix,
    clusters: Clusters,
    *,
    generator: np.random.Generator,
    resamples: int,
    confidence: float,
) -> dict[str, tuple[float, float]]:
    r"""Return the percentile interval of each metric over resampled recordings.

    Each resample draws as many recordings as there are, with replacement, and with each all of its
    clips. With :math:`\alpha = 1 - \text{confidence}`, the interval runs from the
    :math:`\alpha/2` to the :math:`1 - \alpha/2` quantile of the metric over the resamples.

    Clips of one recording resemble each other: a model that errs on one errs more often on the
    others. Drawn one by one, they would feign more evidence than there is, and the interval would
    be too narrow. Where each recording has one clip, this is the bootstrap over clips.

    The models stay as they were trained: the interval tells how much depends on which recordings
    were heard, not how much depends on the training's random numbers.

    A resample in which a label has no positive leaves that label out of its mean average precision
    (and out of macro F1, unless the model names the label). No resample is left out: each clip has
    a true label, so each resample has a label to average over.

    Parameters
    ----------
    matrix
        Scores and targets.
    clusters
        Shape (clip,): the number of each clip's recording; see
        :func:`spikesound.evaluation.clusters.clusters_of`.
    generator
        Draws the resamples. Two models scored on the same clips meet the same resamples when
        their generators have the same seed.
    resamples
        How many, at least 1.
    confidence
        Between 0 and 1, exclusive.

    Returns
    -------
    dict
        For each metric of :data:`spikesound.tasks.classification.metrics.METRICS`, (low, high).

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3; of clusters:
    Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8.
    """
    values = resampled_metrics(matrix, clusters, generator=generator, resamples=resamples)
    return {name: percentiles(values[name], confidence) for name in METRICS}


def percentiles(values: Values, confidence: float) -> tuple[float, float]:
    """Return the bounds between which the middle ``confidence`` of the values lies.

    Raises
    ------
    SpikesoundError
        If the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise SpikesoundError(f"bootstrap: confidence {confidence} is not between 0 and 1")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def resampled_metrics(
    matrix: ScoreMatrix,
    clusters: Clusters,
    *,
    generator: np.random.Generator,
    resamples: int,
) -> dict[str, Values]:
    """Return each metric for every resample of the recordings, each of shape (resample,).

    Raises
    ------
    SpikesoundError
        If there is to be no resample.
    """
    if resamples < 1:
        raise SpikesoundError(f"bootstrap: resamples {resamples} is below 1")
    block = max(1, _BLOCK_NUMBERS // len(matrix.clip_ids))
    parts: dict[str, list[Values]] = {name: [] for name in METRICS}
    for start in range(0, resamples, block):
        weights = draw(clusters, min(block, resamples - start), generator)
        for name, values in weighted_metrics(matrix, weights).items():
            parts[name].append(values)
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def draw(clusters: Clusters, resamples: int, generator: np.random.Generator) -> Weights:
    """Return how often each clip is drawn, shape (resample, clip).

    All clips of a recording are drawn equally often, and the recordings of a resample are as many
    as there are; its clips are so on average.
    """
    count = int(clusters.max()) + 1
    drawn = generator.integers(count, size=(resamples, count))
    offset = np.arange(resamples)[:, None] * count
    times = np.bincount((drawn + offset).ravel(), minlength=resamples * count)
    return times.reshape(resamples, count)[:, clusters].astype(np.float64)
