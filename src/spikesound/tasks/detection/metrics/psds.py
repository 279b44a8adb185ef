"""Polyphonic Sound Detection Score: one figure for all thresholds, for any number of resamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.core.progress import track
from spikesound.tasks.detection.metrics.intersections import ClassDeltas, Criterion, Statistics
from spikesound.tasks.multilabel import Values, Weights

Numbers = NDArray[np.float64]

_SECONDS_PER_HOUR = 3600.0


def weighted_psds(statistics: Statistics, weights: Weights, *, what: str = "") -> Values:
    r"""Return PSDS of every weighting of the clips, shape (resample,).

    For each class the curve of the true positive rate :math:`r_c(e)` over the effective rate of
    false positives per hour,

    .. math:: e = \frac{N_{FP}}{T} + \alpha_{CT} \frac{1}{C - 1}
              \sum_{c' \ne c} \frac{N_{CT, c'}}{T_{c'}},

    T being the length of all clips and :math:`T_{c'}` that of the true events of class c', is a
    staircase: the best rate that any threshold gives at no more than e. Over classes, with mean
    :math:`\mu` and standard deviation :math:`\sigma`,

    .. math:: \mathrm{PSDS} = \frac{1}{e_{max}} \int_0^{e_{max}}
              \max(0, \mu(e) - \alpha_{ST}\, \sigma(e))\, de.

    A class without a true event in a resample is left out of it.

    Parameters
    ----------
    statistics
        From :func:`spikesound.tasks.detection.metrics.intersections.statistics`.
    weights
        Shape (resample, clip): how often the resample holds the clip.
    what
        Named where progress is shown; without it none is.

    References
    ----------
    Bilen et al., A framework for the robust evaluation of sound event detection, ICASSP 2020;
    computed for all thresholds as in Ebbers, Serizel and Haeb-Umbach,
    Threshold-independent evaluation of sound event detection scores, ICASSP 2022.
    """
    rows = track(weights, total=len(weights), what=what, unit="resample") if what else weights
    return np.array([_psds(statistics, row) for row in rows])


def class_psds(statistics: Statistics) -> dict[str, float]:
    """Return the PSDS of each class alone, over all clips; classes without truth are absent."""
    once = np.ones(len(statistics.seconds))
    return {
        label: _area([curve], statistics.criterion)
        for label, curve in zip(statistics.labels, _curves(statistics, once), strict=True)
    }


class _Curve(NamedTuple):
    """A staircase: at ``efpr[k]`` and beyond, up to the next, the rate is ``tpr[k]``."""

    efpr: Numbers
    tpr: Numbers


def _psds(statistics: Statistics, weight: Numbers) -> float:
    curves = _curves(statistics, weight)
    return _area(curves, statistics.criterion) if curves else np.nan


def _curves(statistics: Statistics, weight: Numbers) -> list[_Curve]:
    """Return the curve of each class that has a true event in the weighted clips."""
    criterion = statistics.criterion
    hours = float(weight @ statistics.seconds) / _SECONDS_PER_HOUR
    number = weight @ statistics.true_events
    length_h = weight @ statistics.true_seconds / _SECONDS_PER_HOUR
    present = number > 0
    curves = []
    for c in np.flatnonzero(present):
        others = present.copy()
        others[c] = False
        rate = np.zeros(len(number))
        rate[others] = criterion.alpha_ct / (length_h[others] * max(1, others.sum()))
        curves.append(_curve(statistics.deltas[c], weight, number[c], hours, rate, criterion))
    return curves


def _curve(
    deltas: ClassDeltas,
    weight: Numbers,
    number: float,
    hours: float,
    cross_rate: Numbers,
    criterion: Criterion,
) -> _Curve:
    drawn = weight[deltas.clip]
    found = np.cumsum(drawn * deltas.tp)[deltas.last]
    efpr = np.cumsum(drawn * deltas.fp)[deltas.last] / hours
    if criterion.alpha_ct:
        # Rounding in the sum may leave a rate just below the 0 that it is.
        crossed = np.cumsum(drawn * (deltas.cross @ cross_rate))[deltas.last]
        efpr = efpr + np.maximum(crossed, 0.0)
    within = efpr <= criterion.max_efpr_per_h
    # A threshold above all scores finds nothing and invents nothing.
    efpr = np.append(0.0, efpr[within])
    tpr = np.append(0.0, found[within] / number)
    order = np.lexsort((tpr, efpr))
    efpr, tpr = efpr[order], np.maximum.accumulate(tpr[order])
    step = np.append(np.diff(efpr) > 0, True)
    return _Curve(efpr[step], tpr[step])


def _area(curves: Sequence[_Curve], criterion: Criterion) -> float:
    grid = np.unique(np.concatenate([curve.efpr for curve in curves]))
    rates = np.stack(
        [curve.tpr[np.searchsorted(curve.efpr, grid, side="right") - 1] for curve in curves]
    )
    effective = rates.mean(axis=0) - criterion.alpha_st * rates.std(axis=0)
    widths = np.diff(grid, append=criterion.max_efpr_per_h)
    return float(np.maximum(effective, 0.0) @ widths / criterion.max_efpr_per_h)
