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
from spikesound.evaluation.correction import holm
from spikesound.evaluation.differences import Difference, differences, read_difference
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
    confidence: float,
) -> dict[Names, dict[str, Difference]]:
    """Return for each pair its differences, of models whose resampled values are there.

    Parameters
    ----------
    values
        For each model its metrics of :func:`spikesound.evaluation.bootstrap.resampled`; all models
        on the same resamples of the same clips.
    pairs
        Which models are compared, the first with the second.
    measures
        The metrics that are compared.
    confidence
        Of the intervals.

    Raises
    ------
    SpikesoundError
        If a pair names a model without values.
    """
    for name in (name for pair in pairs for name in pair):
        if name not in values:
            raise unknown("model to compare", name, values)
    keys = [measure.key for measure in measures]
    return {(a, b): differences(values[a], values[b], keys, confidence) for a, b in pairs}


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

    Besides: ``accuracy_test`` (which of the two) and ``accuracy_mcnemar_p`` (in either case), where
    clips have one label each; ``clips``, ``recordings``, ``permutations`` and ``verdict``, a
    sentence.
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
    content: dict[str, Metrics] = {}
    for key, (first, second) in track(
        pairs.items(), total=len(pairs), what="paired tests", unit="pair"
    ):
        apart = differences(samples[first], samples[second], names, settings.confidence)
        content[key] = {
            **_difference_figures(apart),
            **_tests(key, first, second, recordings, count, settings.seed),
        }
    _correct(content, names)
    for key, (first, second) in pairs.items():
        content[key]["verdict"] = verdict(
            read_differences(content[key], names),
            first.name,
            second.name,
            measures=clip_measures(names),
            confidence=settings.confidence,
        )
    return content


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
    return 2 * math.ceil(tests / (1 - confidence))


def _resampled(side: Side, recordings: Mapping[str, str], settings: Settings) -> dict[str, Values]:
    return resampled(
        partial(weighted_metrics, side.matrix),
        clusters_of(side.matrix.clip_ids, recordings),
        # As in the models' own intervals, and the same for all: the resamples are paired.
        generator=numpy_generator(settings.seed, "bootstrap"),
        resamples=settings.resamples,
    )


def _difference_figures(apart: Mapping[str, Difference]) -> Metrics:
    content: Metrics = {}
    for name, difference in apart.items():
        ends = {"": difference.value, "_low": difference.low, "_high": difference.high}
        for end, value in ends.items():
            rounded = round(value, _DECIMALS) if math.isfinite(value) else None
            content[f"{name}_difference{end}"] = rounded
    return content


def _tests(
    key: str,
    first: Side,
    second: Side,
    recordings: Mapping[str, str],
    permutations: int,
    seed: int,
) -> Metrics:
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
    return {
        **{f"{name}_p": p for name, p in p_values.items()},
        **of_accuracy,
        "clips": len(clusters),
        "recordings": count,
        "permutations": permutations,
    }


def _correct(content: Mapping[str, Metrics], names: Sequence[str]) -> None:
    """Set each p value's correction, over all there are, and round both."""
    places = [(key, name) for key in content for name in names]
    values = [float(content[key][f"{name}_p"]) for key, name in places]
    for (key, name), value, corrected in zip(places, values, holm(values), strict=True):
        content[key][f"{name}_p"] = _rounded(value)
        content[key][f"{name}_p_corrected"] = _rounded(corrected)


def _rounded(p: float) -> float:
    return float(f"{p:.{_DIGITS_OF_P}g}")
