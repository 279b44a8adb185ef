"""Accuracy against noise as one number: the area under the curve, and its difference of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.robustness.conditions import CLEAN, NOISY
from spikesound.evaluation.settings import Settings

Values = NDArray[np.float64]

ROBUSTNESS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("condition", pa.string()),
        ("level", pa.float64()),
        ("predicted", pa.string()),  # label id of the highest score
        ("hit", pa.bool_()),  # whether the clip has that label
    ]
)
"""One row for each clip and condition; of faults that are drawn, one for each draw."""


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


def areas(table: pd.DataFrame) -> dict[str, float]:
    """Return the areas of one model, from its rows of robustness.csv.

    Returns
    -------
    dict
        ``<noise>_area`` of each noise that is there, ``noise_area``, their mean, and
        ``noise_area_relative``, that divided by the accuracy on clean sound: what share of its
        accuracy the model keeps.
    """
    result: dict[str, float] = {}
    for noise in NOISY:
        rows = table[table["condition"] == noise]
        if len(rows):
            factors = area_weights(rows["level"].tolist())
            result[f"{noise}_area"] = float(factors @ rows["accuracy"].to_numpy())
    if result:
        mean = sum(result.values()) / len(result)
        clean = float(table.loc[table["condition"] == CLEAN, "accuracy"].iloc[0])
        result |= {"noise_area": mean, "noise_area_relative": mean / clean if clean else 0.0}
    return {name: round(value, 4) for name, value in result.items()}


def join(parts: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Return all models' tables as one (robustness.csv), and their areas (robustness.json)."""
    table = pd.concat(parts.values(), ignore_index=True)
    return table, {model: areas(part) for model, part in parts.items()}


def clip_areas(results: pd.DataFrame) -> pd.DataFrame:
    """Return for each clip its own area under the noises, and whether it was a hit clean.

    A clip's area has its hits (0 or 1) for accuracies; a model's area is the mean of its clips'.

    Parameters
    ----------
    results
        Table ROBUSTNESS of a model.

    Returns
    -------
    DataFrame
        Columns ``area`` and ``clean``; the index is the clip id, sorted.

    Raises
    ------
    SpikesoundError
        If there is no noise in it.
    """
    curves = []
    for noise in NOISY:
        rows = results[results["condition"] == noise]
        if len(rows):
            hits = rows.pivot_table(index="clip_id", columns="level", values="hit", aggfunc="mean")
            curves.append(hits @ area_weights([float(level) for level in hits.columns]))
    if not curves:
        raise SpikesoundError("robustness: none of the noises was tested")
    clean = results[results["condition"] == CLEAN].set_index("clip_id")["hit"]
    area = sum(curves[1:], curves[0]) / len(curves)
    return pd.DataFrame({"area": area, "clean": clean.astype(float)}).sort_index()


def paired_areas(
    a: pd.DataFrame,
    b: pd.DataFrame,
    recordings: Mapping[str, str],
    generator: np.random.Generator,
    settings: Settings,
) -> dict[str, float]:
    """Compare how two models keep their accuracy under noise, on the same clips.

    Of the noise area, and of the relative one (divided by the model's accuracy on clean sound,
    since a model that starts higher has a larger area): the difference a - b, its percentile
    interval over resampled recordings, and the p of a permutation test that swaps the two models'
    results on whole recordings; two-sided, (1 + #{|d*| >= |d|}) / (1 + permutations). Swapping
    supposes that the models do not differ in anything; of the relative area it is exact only where
    they are as accurate on clean sound, and elsewhere the interval is the better guide.

    Parameters
    ----------
    a, b
        Tables ROBUSTNESS of the two models.
    recordings
        The recording of each clip (table CLIPS).
    generator
        Draws resamples and permutations.
    settings
        How many of each, and the confidence of the interval.

    Returns
    -------
    dict
        ``difference``, ``difference_low``, ``difference_high``, ``p``, and the same four with
        ``relative_`` before them.

    Raises
    ------
    SpikesoundError
        If the models were not tested on the same clips, or a clip has no recording.

    References
    ----------
    Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005), chapter 3.
    """
    first, second = clip_areas(a), clip_areas(b)
    if not first.index.equals(second.index):
        raise SpikesoundError("robustness: the two models were tested on different clips")
    groups = clusters_of(list(first.index), recordings)
    sums = [frame.groupby(groups, sort=True).sum().to_numpy() for frame in (first, second)]
    clips: Values = np.unique(groups, return_counts=True)[1].astype(np.float64)
    ones = np.ones((1, len(clips)))
    found = _differences(ones, ones, sums, clips)[:, 0]
    swaps = generator.integers(0, 2, (settings.permutations, len(clips))).astype(np.float64)
    permuted = _differences(np.ones((settings.permutations, len(clips))), swaps, sums, clips)
    drawn = recording_draws(len(clips), settings.resamples, generator)
    resampled = _differences(drawn, np.ones_like(drawn), sums, clips)
    tails = [(1 - settings.confidence) / 2, (1 + settings.confidence) / 2]
    result: dict[str, float] = {}
    for row, prefix in enumerate(("", "relative_")):
        low, high = np.quantile(resampled[row], tails)
        # Sums in another order are not equal to the last place.
        beyond = np.sum(np.abs(permuted[row]) >= abs(found[row]) - 1e-12)
        result |= {
            f"{prefix}difference": float(found[row]),
            f"{prefix}difference_low": float(low),
            f"{prefix}difference_high": float(high),
            f"{prefix}p": float((1 + beyond) / (1 + settings.permutations)),
        }
    return result


def _differences(drawn: Values, kept: Values, sums: Sequence[Values], clips: Values) -> Values:
    """Return the differences of areas and of relative areas, ``(2, row)``.

    Parameters
    ----------
    drawn
        How often each recording counts, ``(row, recording)``.
    kept
        1 where the models are as they are, 0 where they are swapped, ``(row, recording)``.
    sums
        Of each model the sums of areas and of clean hits, ``(recording, 2)``.
    clips
        Of each recording.
    """
    total = (drawn @ clips)[:, None]
    stay, swap = drawn * kept, drawn * (1 - kept)
    one = (stay @ sums[0] + swap @ sums[1]) / total
    other = (stay @ sums[1] + swap @ sums[0]) / total
    relative = [
        np.divide(each[:, 0], each[:, 1], out=np.zeros(len(each)), where=each[:, 1] > 0)
        for each in (one, other)
    ]
    return np.stack([one[:, 0] - other[:, 0], relative[0] - relative[1]])


def recording_draws(recordings: int, resamples: int, generator: np.random.Generator) -> Values:
    """Return how often each recording is drawn, ``(resample, recording)``; rows sum to them all."""
    shares = np.full(recordings, 1 / recordings)
    return generator.multinomial(recordings, shares, resamples).astype(np.float64)
