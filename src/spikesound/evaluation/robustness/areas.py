"""A measure against noise as one number: the area under its curve, and its difference of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.bootstrap import draw, percentiles
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.robustness.conditions import CLEAN, NOISY, Condition
from spikesound.evaluation.robustness.scoring import ClipCounts, Scoring, Values, clip_counts
from spikesound.evaluation.settings import Settings


def area_weights(levels: Sequence[float]) -> Values:
    r"""Return what each level's accuracy counts for in the area under the curve.

    .. math:: A = \frac{1}{x_n - x_1} \sum_i \frac{a_i + a_{i+1}}{2} (x_{i+1} - x_i)

    is linear in the accuracies :math:`a_i`: these are their factors, which sum to 1. The area is
    therefore between 0 and 1, and a single level's is its accuracy.

    Parameters
    ----------
    levels
        In any order, none twice.
    """
    if len(levels) == 1:
        return np.ones(1)
    x = np.asarray(levels, np.float64)
    order = np.argsort(x)
    steps = np.diff(x[order])
    factors = np.zeros(len(x))
    factors[order[:-1]] += steps / 2
    factors[order[1:]] += steps / 2
    shares: Values = factors / (x.max() - x.min())
    return shares


def areas(table: pd.DataFrame, measure: str) -> dict[str, float]:
    """Return the areas of one model, from its rows of robustness.csv.

    Parameters
    ----------
    measure
        Name of the column: accuracy, segment_f1.

    Returns
    -------
    dict
        ``<noise>_area`` of each noise that is there, ``noise_area``, their mean, and
        ``noise_area_relative``, that divided by the measure on clean sound: what share of it the
        model keeps.
    """
    conditions = [
        Condition(str(name), float(level))
        for name, level in zip(table["condition"], table["level"], strict=True)
    ]
    values = table[measure].to_numpy(np.float64)
    curves = _curves(conditions)
    result = {
        f"{noise}_area": float(row[row > 0] @ values[row > 0]) for noise, row in curves.items()
    }
    if result:
        mean = sum(result.values()) / len(result)
        clean = float(values[_clean(conditions)])
        result |= {"noise_area": mean, "noise_area_relative": mean / clean if clean else 0.0}
    return {name: round(value, 4) for name, value in result.items()}


def join(
    parts: Mapping[str, pd.DataFrame], measure: str
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Return all models' tables as one (robustness.csv), and their areas (robustness.json)."""
    table = pd.concat(parts.values(), ignore_index=True)
    return table, {model: areas(part, measure) for model, part in parts.items()}


def paired_areas(
    a: pd.DataFrame,
    b: pd.DataFrame,
    recordings: Mapping[str, str],
    generator: np.random.Generator,
    settings: Settings,
    scoring: Scoring,
) -> dict[str, float]:
    """Compare how two models keep their headline measure under noise, on the same clips.

    Of the noise area, and of the relative one (divided by the measure on clean sound, since a model
    that starts higher has a larger area): the difference a - b, its percentile interval over
    resampled recordings, and the p of a permutation test that swaps the two models' results on
    whole recordings; two-sided, (1 + #{|d*| >= |d|}) / (1 + permutations). Swapping supposes that
    the models do not differ in anything; of the relative area it is exact only where they are as
    good on clean sound, and elsewhere the interval is the better guide.

    Parameters
    ----------
    a, b
        Results of the two models, of the task's schema.
    recordings
        The recording of each clip (table CLIPS).
    generator
        Draws resamples and permutations.
    settings
        How many of each, and the confidence of the interval.
    scoring
        Of the task.

    Returns
    -------
    dict
        ``difference``, ``difference_low``, ``difference_high``, ``p``, and the same four with
        ``relative_`` before them.

    Raises
    ------
    SpikesoundError
        If the models were not tested on the same clips and conditions, or a clip has no recording.

    References
    ----------
    Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005), chapter 3.
    """
    first, second = (_noise_counts(results, scoring) for results in (a, b))
    if first.clips != second.clips or first.conditions != second.conditions:
        raise SpikesoundError("robustness: the two models were tested on different clips")
    groups = clusters_of(first.clips, recordings)
    clips = np.bincount(groups).astype(np.float64)
    shape = first.values.shape[0], *first.values.shape[2:]
    sums = [each.of_groups(groups).reshape(-1, len(clips)).T for each in (first, second)]
    curves = _curves(first.conditions)
    area, clean = sum(curves.values()) / len(curves), _clean(first.conditions)

    def differences(drawn: Values, unswapped: Values) -> Values:
        """Return the differences of areas and of relative areas, (2, row).

        Parameters
        ----------
        drawn : how often each recording counts (row, recording)
        unswapped : 1 where the models are as they are, 0 where they are swapped (row, recording)
        """
        total = (drawn @ clips)[:, None]
        stay, swap = drawn * unswapped, drawn * (1 - unswapped)
        pair_areas = []
        for one, other in (sums, sums[::-1]):
            counts = (stay @ one + swap @ other).reshape(len(drawn), *shape)
            values = scoring.figures(counts, total)[..., 0]
            areas, whole = values @ area, values[:, clean]
            relative = np.divide(areas, whole, out=np.zeros(len(areas)), where=whole > 0)
            pair_areas.append(np.stack([areas, relative]))
        difference: Values = pair_areas[0] - pair_areas[1]
        return difference

    ones = np.ones((1, len(clips)))
    whole = differences(ones, ones)[:, 0]
    swaps = generator.integers(0, 2, (settings.permutations, len(clips))).astype(np.float64)
    permuted = differences(np.ones_like(swaps), swaps)
    drawn = draw(np.arange(len(clips)), settings.resamples, generator)
    resampled = differences(drawn, np.ones_like(drawn))
    result: dict[str, float] = {}
    for row, prefix in enumerate(("", "relative_")):
        low, high = percentiles(resampled[row], settings.confidence)
        # Sums in another order are not equal to the last place.
        beyond = np.sum(np.abs(permuted[row]) >= abs(whole[row]) - 1e-12)
        result |= {
            f"{prefix}difference": float(whole[row]),
            f"{prefix}difference_low": float(low),
            f"{prefix}difference_high": float(high),
            f"{prefix}p": float((1 + beyond) / (1 + settings.permutations)),
        }
    return result


def _noise_counts(results: pd.DataFrame, scoring: Scoring) -> ClipCounts:
    noises = results[results["condition"].isin((CLEAN, *NOISY))]
    if set(noises["condition"]) <= {CLEAN}:
        raise SpikesoundError("robustness: none of the noises was tested")
    return clip_counts(noises, scoring)


def _curves(conditions: Sequence[Condition]) -> dict[str, Values]:
    """Return for each noise that is there the weights (condition,) of its area."""
    curves = {}
    for noise in NOISY:
        rows = [number for number, each in enumerate(conditions) if each.name == noise]
        if rows:
            weights = np.zeros(len(conditions))
            weights[rows] = area_weights([conditions[row].level for row in rows])
            curves[noise] = weights
    return curves


def _clean(conditions: Sequence[Condition]) -> int:
    return [each.name for each in conditions].index(CLEAN)
