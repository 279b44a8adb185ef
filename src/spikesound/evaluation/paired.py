"""Paired tests of two models on the same clips: McNemar's, and by permutation of recordings."""

from __future__ import annotations

import numpy as np
from scipy import stats

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.bootstrap import WeightedMetrics
from spikesound.evaluation.clusters import Clusters
from spikesound.tasks import multilabel
from spikesound.tasks.classification.metrics import accuracy, decisions, macro_f1
from spikesound.tasks.classification.scores import ScoreMatrix
from spikesound.tasks.multilabel import Flags, Values, Weights, mean_average_precision

# Permutations are drawn and scored in blocks, so that memory stays near 8 bytes times this.
_BLOCK_NUMBERS = 4_000_000

# Differences that are equal on paper differ by rounding; each must count as no smaller.
_ROUNDING = 1e-9


def mcnemar_p(first: Flags, second: Flags) -> float:
    r"""Return the p value of McNemar's exact test, two-sided.

    Only clips count that one model names rightly and the other does not: :math:`b` for the
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
    metrics: WeightedMetrics,
    clusters: Clusters,
    *,
    generator: np.random.Generator,
    permutations: int,
) -> dict[str, float]:
    r"""Return the two-sided p value of each metric's difference, by swapping the two models.

    Were the models exchangeable, the two could trade places on any recording without a trace. Each
    permutation lets them do so on each recording with probability one half, all clips of a
    recording together. With :math:`k` of :math:`N` permutations at least as far apart as the
    models themselves,

    .. math:: p = \frac{1 + k}{1 + N},

    which is at most :math:`\alpha` with a probability of at most :math:`\alpha`. A permutation in
    which a metric has no value counts as at least as far apart.

    Parameters
    ----------
    metrics
        Of the clips of both models under one another, first those of the first model, then in the
        same order those of the second: shape of its weights (permutation, 2 × clip), each 1 or 0.
        See :func:`of_both`.
    clusters
        Shape (clip,): the number of each clip's recording.
    generator
        Draws the swaps.
    permutations
        :math:`N`, at least 1.

    Returns
    -------
    dict
        p of each metric.

    References
    ----------
    Phipson and Smyth, Permutation p-values should never be zero, Statistical Applications in
    Genetics and Molecular Biology 9 (2010), 39.
    """
    if permutations < 1:
        raise SpikesoundError(f"permutations: must be at least 1, got {permutations}")
    clips, count = len(clusters), int(clusters.max()) + 1
    apart = _differences(metrics, np.ones((1, clips)))
    block = max(1, _BLOCK_NUMBERS // (2 * clips))
    reached = dict.fromkeys(apart, 0)
    for start in range(0, permutations, block):
        unswapped = generator.random((min(block, permutations - start), count)) < 0.5
        drawn = _differences(metrics, unswapped[:, clusters].astype(np.float64))
        for name in reached:
            nearer = np.abs(drawn[name]) < np.abs(apart[name]) - _ROUNDING
            reached[name] += int((~nearer).sum())
    return {name: (1 + k) / (1 + permutations) for name, k in reached.items()}


def _differences(metrics: WeightedMetrics, unswapped: Weights) -> dict[str, Values]:
    """Return first minus second for each metric, where all but the unswapped clips change models.

    Shapes: unswapped (permutation, clip), each 1 or 0; result (permutation,).
    """
    ours = metrics(np.concatenate([unswapped, 1 - unswapped], axis=1))
    theirs = metrics(np.concatenate([1 - unswapped, unswapped], axis=1))
    with np.errstate(invalid="ignore"):  # two infinite d' have no difference
        return {name: ours[name] - theirs[name] for name in ours}


def of_both(first: ScoreMatrix, second: ScoreMatrix) -> WeightedMetrics:
    """Return the metrics of two classifiers' clips under one another.

    For metrics that rank the clips (mAP, AUC and d'), each model's scores are first replaced by
    their ranks within the label. That leaves the metric as it is, and keeps a model with another
    spread of scores (one trained longer, one of other temperature) from being recognised by it.

    Parameters
    ----------
    first, second
        Of the same clips, labels and targets.
    """
    targets: Flags = np.concatenate([first.targets, second.targets])
    scores = np.concatenate([first.scores, second.scores])
    decided: Flags = np.concatenate([decisions(first), decisions(second)])
    ranks = np.concatenate([stats.rankdata(matrix.scores, axis=0) for matrix in (first, second)])

    def single(weights: Weights) -> dict[str, Values]:
        return {
            "accuracy": accuracy(scores, targets, weights),
            "macro_f1": macro_f1(decided, targets, weights),
            "map": mean_average_precision(ranks, targets, weights),
        }

    def several(weights: Weights) -> dict[str, Values]:
        ranked = multilabel.weighted_metrics(ranks, targets, weights)
        # It ranks the labels of a clip, which are all of one model.
        return ranked | {"lwlrap": multilabel.lwlrap(scores, targets, weights)}

    return several if first.multilabel else single
