"""Two models on the same clips: could chance alone have set them so far apart?"""

from __future__ import annotations

import numpy as np
from scipy import stats

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.clusters import Clusters
from spikesound.evaluation.predictions import Flags, ScoreMatrix, Scores
from spikesound.tasks.classification.metrics import (
    METRICS,
    Values,
    Weights,
    accuracy,
    decisions,
    macro_f1,
    mean_average_precision,
)

# Permutations are drawn and scored in blocks, so that memory stays near 8 bytes times this.
_BLOCK_NUMBERS = 4_000_000

# Differences that are equal on paper differ by rounding; each must count as no smaller.
_ROUNDING = 1e-9


def hits(matrix: ScoreMatrix) -> Flags:
    """Return whether each clip's highest-scoring label is among its true ones, shape (clip,)."""
    found: Flags = matrix.targets[np.arange(len(matrix.targets)), matrix.scores.argmax(axis=1)]
    return found


def mcnemar_p(first: Flags, second: Flags) -> float:
    r"""Return the p value of McNemar's exact test, two-sided.

    Only the clips tell that one model names rightly and the other does not: :math:`b` for the
    first, :math:`c` for the second. Were the models equally good, :math:`b` would follow the
    binomial distribution of :math:`b + c` tosses of a fair coin. Clips count as independent; where
    several come from one recording, p is too small.

    Shapes: first and second (clip,), whether the model was right.

    References
    ----------
    McNemar, Note on the sampling error of the difference between correlated proportions or
    percentages, Psychometrika 12 (1947), 153-157.
    """
    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)


def permutation_p(
    first: ScoreMatrix,
    second: ScoreMatrix,
    clusters: Clusters,
    *,
    generator: np.random.Generator,
    permutations: int,
) -> dict[str, float]:
    r"""Return the two-sided p value of each metric's difference, by swapping the two models.

    Were it of no consequence which model heard a recording, the two could trade places on it
    without a trace. Each permutation lets them do so on each recording with probability one half,
    all clips of a recording together. With :math:`k` of :math:`N` permutations at least as far
    apart as the models themselves,

    .. math:: p = \frac{1 + k}{1 + N},

    which is at most :math:`\alpha` with a probability of at most :math:`\alpha`.

    For the mean average precision, each model's scores are first replaced by their ranks within
    the label. That leaves the metric as it is, and keeps a model with another spread of scores
    (one trained longer, one of other temperature) from being told by that alone.

    Parameters
    ----------
    first, second
        Of the same clips, labels and targets.
    clusters
        Shape (clip,): the number of each clip's recording.
    generator
        Draws the swaps.
    permutations
        :math:`N`, at least 1.

    Returns
    -------
    dict
        p for each metric of :data:`spikesound.tasks.classification.metrics.METRICS`.

    References
    ----------
    Phipson and Smyth, Permutation p-values should never be zero, Statistical Applications in
    Genetics and Molecular Biology 9 (2010), 39.
    """
    if permutations < 1:
        raise SpikesoundError(f"permutations {permutations} is below 1")
    both = _Both(first, second)
    clips, count = len(clusters), int(clusters.max()) + 1
    apart = both.differences(np.ones((1, clips)))
    block = max(1, _BLOCK_NUMBERS // (2 * clips))
    reached = dict.fromkeys(METRICS, 0)
    for start in range(0, permutations, block):
        kept = generator.random((min(block, permutations - start), count)) < 0.5
        drawn = both.differences(kept[:, clusters].astype(np.float64))
        for name in METRICS:
            far = np.abs(drawn[name]) >= np.abs(apart[name]) - _ROUNDING
            reached[name] += int(far.sum())
    return {name: (1 + reached[name]) / (1 + permutations) for name in METRICS}


class _Both:
    """Two models' clips under one another; a weight of 1 or 0 says which of a pair is taken."""

    def __init__(self, first: ScoreMatrix, second: ScoreMatrix) -> None:
        self.targets: Flags = np.concatenate([first.targets, second.targets])
        self.scores: Scores = np.concatenate([first.scores, second.scores])
        self.decided: Flags = np.concatenate([decisions(first), decisions(second)])
        self.ranks: Scores = np.concatenate(
            [stats.rankdata(matrix.scores, axis=0) for matrix in (first, second)]
        )

    def differences(self, kept: Weights) -> dict[str, Values]:
        """Return first minus second for each metric, where only kept clips are with their model.

        Shapes: kept (permutation, clip), each 1 or 0; result (permutation,).
        """
        ours = self._metrics(np.concatenate([kept, 1 - kept], axis=1))
        theirs = self._metrics(np.concatenate([1 - kept, kept], axis=1))
        return {name: ours[name] - theirs[name] for name in METRICS}

    def _metrics(self, weights: Weights) -> dict[str, Values]:
        return {
            "accuracy": accuracy(self.scores, self.targets, weights),
            "macro_f1": macro_f1(self.decided, self.targets, weights),
            "map": mean_average_precision(self.ranks, self.targets, weights),
        }
