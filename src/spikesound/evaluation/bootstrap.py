"""How far a metric would move with other clips of the same kind: the percentile bootstrap."""

from __future__ import annotations

import numpy as np

from spikesound.errors import SpikesoundError
from spikesound.evaluation.classify import METRICS, Values, Weights, weighted_metrics
from spikesound.evaluation.predictions import ScoreMatrix

# Resamples are drawn and scored in blocks, so that memory stays near 8 bytes times this.
_BLOCK_NUMBERS = 4_000_000


def intervals(
    matrix: ScoreMatrix,
    *,
    generator: np.random.Generator,
    resamples: int,
    confidence: float,
) -> dict[str, tuple[float, float]]:
    r"""Return the percentile interval of each metric over resampled clips.

    Each resample draws as many clips as there are, with replacement. With :math:`\alpha = 1 -
    \text{confidence}`, the interval runs from the :math:`\alpha/2` to the :math:`1 - \alpha/2`
    quantile of the metric over the resamples.

    The models stay as they were trained: the interval tells how much depends on which clips were
    heard, not how much depends on the training's random numbers. Clips are drawn as if independent
    of each other; where several come from one recording, the interval is somewhat too narrow.

    A resample in which a label has no positive leaves that label out of its mean average precision
    (and out of macro F1, unless the model names the label). No resample is left out: each clip has
    a true label, so each resample has a label to average over.

    Parameters
    ----------
    matrix
        Scores and targets.
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
        For each metric of :data:`spikesound.evaluation.classify.METRICS`, (low, high).

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    if resamples < 1:
        raise SpikesoundError(f"bootstrap: resamples {resamples} is below 1")
    if not 0 < confidence < 1:
        raise SpikesoundError(f"bootstrap: confidence {confidence} is not between 0 and 1")
    values = resampled_metrics(matrix, generator=generator, resamples=resamples)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    bounds = {name: np.quantile(values[name], tails) for name in METRICS}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def resampled_metrics(
    matrix: ScoreMatrix, *, generator: np.random.Generator, resamples: int
) -> dict[str, Values]:
    """Return each metric for every resample of the clips, each of shape (resample,)."""
    clips = len(matrix.clip_ids)
    block = max(1, _BLOCK_NUMBERS // clips)
    parts: dict[str, list[Values]] = {name: [] for name in METRICS}
    for start in range(0, resamples, block):
        weights = draw(clips, min(block, resamples - start), generator)
        for name, values in weighted_metrics(matrix, weights).items():
            parts[name].append(values)
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def draw(clips: int, resamples: int, generator: np.random.Generator) -> Weights:
    """Return how often each clip is drawn, shape (resample, clip); each row sums to ``clips``."""
    drawn = generator.integers(clips, size=(resamples, clips))
    offset = np.arange(resamples)[:, None] * clips
    counts = np.bincount((drawn + offset).ravel(), minlength=resamples * clips)
    return counts.reshape(resamples, clips).astype(np.float64)
