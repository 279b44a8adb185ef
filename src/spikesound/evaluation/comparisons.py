"""Pairs of models on the same clips: differences, their intervals, tests and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from spikesound.core.errors import unknown
from spikesound.core.progress import track
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.bootstrap import resampled
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.correction import corrected
from spikesound.evaluation.differences import (
    TESTS,
    Difference,
    differences,
    level,
    read_difference,
)
from spikesound.evaluation.equivalence import difference_p, equivalence_p
from spikesound.evaluation.measures import Measure, clip_measures
from spikesound.evaluation.paired import mcnemar_p, of_both, permutation_p
from spikesound.evaluation.pairing import Pair, Side, side_of
from spikesound.evaluation.pairs import Names, pair_key
from spikesound.evaluation.settings import Settings
from spikesound.evaluation.summary import Metrics
from spikesound.evaluation.verdict import verdict
from spikesound.tasks.classification.metrics import correct, metric_names, weighted_metrics
from spikesound.tasks.multilabel import Values

PERMUTATION = "permutation by recording"
MCNEMAR = "McNemar, exact"

_DECIMALS = 4
_DIGITS_OF_P = 3


def comparisons(
    predictions: Mapping[str, pd.DataFrame],
    pairs: Sequence[Names],
    recordings: Mapping[str, str],
    settings: Settings,
    *,
    multilabel: bool = False,
) -> dict[str, Metrics]:
    """Return the content of classification's comparisons.json: one flat entry a pair.

    Parameters
    ----------
    predictions
        For each model its PREDICTIONS table.
    pairs
        Which models are compared, the first with the second.
    recordings
        The recording that each clip was cut from.
    settings
        Resamples, permutations, confidence and seed.
    multilabel
        Whether each label has a probability of its own.

    Returns
    -------
    dict
        For each "<a> vs <b>" the figures of :func:`compare_pairs`.

    Raises
    ------
    SpikesoundError
        If a pair names a model without predictions, a table is inconsistent, two models rest on
        different clips, labels or targets, or a clip has no recording.
    """
    sides: dict[str, Side] = {}
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        if name not in predictions:
            raise unknown("model to compare", name, predictions)
        like = next(iter(sides.values()), None)
        sides[name] = side_of(name, predictions[name], like, multilabel=multilabel)
    by_key = {pair_key(pair): (sides[pair[0]], sides[pair[1]]) for pair in pairs}
    return compare_pairs(by_key, recordings, settings)


def compare_values(
    values: Mapping[str, Mapping[str, Values]],
    pairs: Sequence[Names],
    measures: Sequence[Measure],
    settings: Settings,
) -> dict[Names, dict[str, Difference]]:
    """Return for each pair its differences, of models whose resampled values are there.

    Tested by the difference's standard error over the resamples: for difference and, of shares, for
    equivalence (:mod:`spikesound.evaluation.equivalence`), both corrected by Holm over all metrics
    of all pairs.

    Parameters
    ----------
    values
        For each model its metrics of :func:`spikesound.evaluation.bootstrap.resampled`; all models
        on the same resamples of the same clips.
    pairs
        Which models are compared, the first with the second.
    measures
        The metrics that are compared.
    settings
        Confidence and margin.

    Raises
    ------
    SpikesoundError
        If a pair names a model without values.
    """
    for name in (name for pair in pairs for name in pair):
        if name not in values:
            raise unknown("model to compare", name, values)
    keys = [measure.key for measure in measures]
    apart = {}
    for a, b in pairs:
        found = differences(values[a], values[b], keys, settings.confidence)
        p_values = {
            name: difference_p(each.value, each.standard_error)
            for name, each in found.items()
            if each.standard_error is not None
        }
        apart[a, b] = _tested(found, p_values, measures, settings.margin)
    return corrected(apart, settings.confidence)


def compare_pairs(
    pairs: Mapping[str, Pair], recordings: Mapping[str, str], settings: Settings
) -> dict[str, Metrics]:
    """Return for each pair its differences, first minus second, with intervals and tests.

    For each metric of :func:`spikesound.tasks.classification.metrics.metric_names`:

    - ``_difference``, ``_difference_low``, ``_difference_high``: with the percentile interval over
      resampled recordings, both models on the same resamples. The interval is that of one pair
      alone: not corrected for the number of pairs.
    - ``_p``: that the difference is chance; see :mod:`spikesound.evaluation.paired`. For accuracy
      McNemar's exact test where each recording has one clip. McNemar takes clips for independent;
      where recordings have several, the permutation by recording stands in its place.
    - ``_p_corrected``: by Holm, over all metrics of all pairs given.
    - ``_standard_error``: of the paired difference, over the resamples.
    - ``_equivalence_p``, ``_equivalence_p_corrected``: of shares, that the difference is not within
      the margin, by two one-sided tests with that standard error; Holm's over all of these tests.
    - ``_detectable``, ``_detectable_corrected``: the smallest true difference that a test shows
      with a power of 80 %, by itself and at Holm's first step.

    Besides: ``accuracy_test`` (which of the two) and ``accuracy_mcnemar_p`` (in either case), where
    clips have one label each; ``clips``, ``recordings``, ``permutations``, ``equivalence_margin``
    and ``verdict``, a sentence.
    """
    if not pairs:
        return {}
    names = metric_names(next(iter(pairs.values()))[0].matrix)
    count = max(
        settings.permutations, permutations_needed(len(pairs) * len(names), settings.confidence)
    )
    samples = {
        side: _resampled(side, recordings, settings)
        for side in dict.fromkeys(side for pair in pairs.values() for side in pair)
    }
    measures = clip_measures(names)
    apart: dict[str, dict[str, Difference]] = {}
    content: dict[str, Metrics] = {}
    for key, (first, second) in track(
        pairs.items(), total=len(pairs), what="paired tests", unit="pair"
    ):
        found = differences(samples[first], samples[second], names, settings.confidence)
        p_values, content[key] = _paired_tests(key, first, second, recordings, count, settings.seed)
        apart[key] = _tested(found, p_values, measures, settings.margin)
    for key, tested in corrected(apart, settings.confidence).items():
        content[key] = _figures(tested) | content[key] | {"equivalence_margin": settings.margin}
        content[key]["verdict"] = verdict(
            read_differences(content[key], names),
            *(side.name for side in pairs[key]),
            measures=measures,
            confidence=settings.confidence,
            margin=settings.margin,
        )
    return content


def _tested(
    found: Mapping[str, Difference],
    p_values: Mapping[str, float],
    measures: Sequence[Measure],
    margin: float,
) -> dict[str, Difference]:
    """Return differences with their p and, of shares, that of the tests of equivalence."""
    shares = {measure.key for measure in measures if measure.share}
    return {
        name: each._replace(
            p=p_values.get(name),
            equivalence_p=None
            if name not in shares or each.standard_error is None or math.isnan(each.value)
            else equivalence_p(each.value, each.standard_error, margin),
        )
        for name, each in found.items()
    }


def read_differences(figures: Metrics, names: Sequence[str]) -> dict[str, Difference]:
    """Return the differences of an entry of comparisons.json, of those metrics that have one."""
    by_metric = {name: read_difference(figures, name) for name in names}
    return {name: difference for name, difference in by_metric.items() if difference is not None}


def permutations_needed(tests: int, confidence: float) -> int:
    r"""Return the number of permutations at which Holm's correction can show a difference.

    The smallest p of :math:`N` permutations is :math:`1 / (1 + N)`, which the correction
    multiplies by the number of tests :math:`m`. This is twice the least :math:`N` that brings
    the product below :math:`1 - \text{confidence}`, so that p need not be the smallest there is.
    """
    return 2 * math.ceil(tests / level(confidence))


def _resampled(side: Side, recordings: Mapping[str, str], settings: Settings) -> dict[str, Values]:
    return resampled(
        partial(weighted_metrics, side.matrix),
        clusters_of(side.matrix.clip_ids, recordings),
        # As in the models' own intervals, and the same for all: the resamples are paired.
        generator=numpy_generator(settings.seed, "bootstrap"),
        resamples=settings.resamples,
    )


def _figures(tested: Mapping[str, Difference]) -> Metrics:
    content: Metrics = {}
    for name, difference in tested.items():
        ends = {"": difference.value, "_low": difference.low, "_high": difference.high}
        for end, value in ends.items():
            rounded = round(value, _DECIMALS) if math.isfinite(value) else None
            content[f"{name}_difference{end}"] = rounded
        for test in TESTS:
            number = getattr(difference, test)
            if number is not None:
                content[f"{name}_{test}"] = _rounded(number)
    return content


def _paired_tests(
    key: str,
    first: Side,
    second: Side,
    recordings: Mapping[str, str],
    permutations: int,
    seed: int,
) -> tuple[dict[str, float], Metrics]:
    """Return the p of each metric, and what they rest on."""
    clusters = clusters_of(first.matrix.clip_ids, recordings)
    count = len(np.unique(clusters))
    p_values = permutation_p(
        of_both(first.matrix, second.matrix),
        clusters,
        generator=numpy_generator(seed, "permutation", key),
        permutations=permutations,
    )
    of_accuracy: Metrics = {}
    if "accuracy" in p_values:
        mcnemar = mcnemar_p(correct(first.matrix), correct(second.matrix))
        clustered = count < len(clusters)
        if not clustered:
            p_values["accuracy"] = mcnemar
        of_accuracy = {
            "accuracy_test": PERMUTATION if clustered else MCNEMAR,
            "accuracy_mcnemar_p": _rounded(mcnemar),
        }
    sizes = {"clips": len(clusters), "recordings": count, "permutations": permutations}
    return p_values, of_accuracy | sizes


def _rounded(p: float) -> float:
    return float(f"{p:.{_DIGITS_OF_P}g}")
