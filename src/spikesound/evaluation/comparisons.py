"""Models side by side on the same clips: differences, how sure they are, and what may be said."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from spikesound.core.progress import track
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.bootstrap import percentiles, resampled_metrics
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.correction import holm
from spikesound.evaluation.paired import hits, mcnemar_p, permutation_p
from spikesound.evaluation.pairing import Pair, Side, pairs, side_of
from spikesound.evaluation.settings import Settings
from spikesound.evaluation.summary import Metrics
from spikesound.evaluation.wording import verdict
from spikesound.tasks.classification.metrics import METRICS, Values, metrics

PERMUTATION = "permutation by recording"
MCNEMAR = "McNemar, exact"

_DECIMALS = 4
_DIGITS_OF_P = 3


def comparisons(
    predictions: Mapping[str, pd.DataFrame], recordings: Mapping[str, str], settings: Settings
) -> dict[str, Metrics]:
    """Return the content of comparisons.json: one flat entry a pair of
    :func:`spikesound.evaluation.pairing.pairs`.

    Parameters
    ----------
    predictions
        For each model its PREDICTIONS table.
    recordings
        The recording that each clip was cut from.
    settings
        Resamples, permutations, confidence and seed.

    Returns
    -------
    dict
        For each "<a> vs <b>" the figures of :func:`compare_pairs`.

    Raises
    ------
    SpikesoundError
        If a table is inconsistent, two models rest on different clips, labels or targets, or a
        clip has no recording.
    """
    chosen = pairs(predictions)
    sides: dict[str, Side] = {}
    for name in dict.fromkeys(name for pair in chosen for name in pair):
        sides[name] = side_of(name, predictions[name], next(iter(sides.values()), None))
    found = {f"{a} vs {b}": (sides[a], sides[b]) for a, b in chosen}
    return compare_pairs(found, recordings, settings)


def compare_pairs(
    found: Mapping[str, Pair], recordings: Mapping[str, str], settings: Settings
) -> dict[str, Metrics]:
    """Return for each pair its differences, first minus second, with intervals and tests.

    For each metric of :data:`spikesound.tasks.classification.metrics.METRICS`:

    - ``_difference``, ``_difference_low``, ``_difference_high``: with the percentile interval over
      resampled recordings, both models on the same resamples. The interval is that of one pair
      alone: not corrected for the number of pairs.
    - ``_p``: that the difference is chance; see :mod:`spikesound.evaluation.paired`. For accuracy
      McNemar's exact test where each recording has one clip. McNemar takes clips for independent;
      where recordings have several, the permutation by recording stands in its place.
    - ``_p_corrected``: by Holm, over all metrics of all pairs given.

    Besides: ``accuracy_test`` (which of the two), ``accuracy_mcnemar_p`` (in either case),
    ``clips``, ``recordings``, ``permutations`` and ``verdict``, a sentence.
    """
    if not found:
        return {}
    count = max(
        settings.permutations, permutations_needed(len(found) * len(METRICS), settings.confidence)
    )
    samples: dict[Side, dict[str, Values]] = {}
    for side in dict.fromkeys(side for pair in found.values() for side in pair):
        samples[side] = resampled_metrics(
            side.matrix,
            clusters_of(side.matrix.clip_ids, recordings),
            # As in the models' own intervals, and the same for all: the resamples are paired.
            generator=numpy_generator(settings.seed, "bootstrap"),
            resamples=settings.resamples,
        )
    content: dict[str, Metrics] = {}
    for key, (first, second) in track(
        found.items(), total=len(found), what="paired tests", unit="pair"
    ):
        content[key] = {
            **_differences(first, second, samples, settings.confidence),
            **_tests(key, first, second, recordings, count, settings.seed),
        }
    _correct(content)
    for key, (first, second) in found.items():
        content[key]["verdict"] = verdict(
            content[key], first.name, second.name, settings.confidence
        )
    return content


def permutations_needed(tests: int, confidence: float) -> int:
    r"""Return how many permutations let Holm's correction show a difference among so many tests.

    The smallest p of :math:`N` permutations is :math:`1 / (1 + N)`, which the correction
    multiplies by the number of tests :math:`m`. This is twice the least :math:`N` that brings
    the product below :math:`1 - \text{confidence}`, so that p need not be the smallest there is.
    """
    return 2 * math.ceil(tests / (1 - confidence))


def _differences(
    first: Side, second: Side, samples: Mapping[Side, dict[str, Values]], confidence: float
) -> Metrics:
    ours, theirs = metrics(first.matrix), metrics(second.matrix)
    content: Metrics = {}
    for name in METRICS:
        low, high = percentiles(samples[first][name] - samples[second][name], confidence)
        content[f"{name}_difference"] = round(ours[name] - theirs[name], _DECIMALS)
        content[f"{name}_difference_low"] = round(low, _DECIMALS)
        content[f"{name}_difference_high"] = round(high, _DECIMALS)
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
    found = permutation_p(
        first.matrix,
        second.matrix,
        clusters,
        generator=numpy_generator(seed, "permutation", key),
        permutations=permutations,
    )
    mcnemar = mcnemar_p(hits(first.matrix), hits(second.matrix))
    clustered = count < len(clusters)
    if not clustered:
        found["accuracy"] = mcnemar
    return {
        **{f"{name}_p": found[name] for name in METRICS},
        "accuracy_test": PERMUTATION if clustered else MCNEMAR,
        "accuracy_mcnemar_p": _rounded(mcnemar),
        "clips": len(clusters),
        "recordings": count,
        "permutations": permutations,
    }


def _correct(content: Mapping[str, Metrics]) -> None:
    """Set each p value's correction, over all there are, and round both."""
    places = [(key, name) for key in content for name in METRICS]
    values = [float(content[key][f"{name}_p"]) for key, name in places]
    for (key, name), value, corrected in zip(places, values, holm(values), strict=True):
        content[key][f"{name}_p"] = _rounded(value)
        content[key][f"{name}_p_corrected"] = _rounded(corrected)


def _rounded(p: float) -> float:
    return float(f"{p:.{_DIGITS_OF_P}g}")
