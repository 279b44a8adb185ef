"""Polyphonic Sound Detection Score: all thresholds at once, by sed_scores_eval, resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.detection.decide import Frames, edges
from spikesound.detection.metrics.events import quiet_import
from spikesound.detection.metrics.truth import EventsOfClips
from spikesound.errors import SpikesoundError
from spikesound.evaluation.classify import Values, Weights
from spikesound.progress import track

Numbers = NDArray[np.float64]
Clips = NDArray[np.intp]

_SECONDS_PER_HOUR = 3600.0


class Criterion(NamedTuple):
    r"""What PSDS counts as found, and what it punishes.

    Attributes
    ----------
    dtc
        Detection tolerance: a predicted event is right when at least this share of it lies in true
        events of its class; otherwise it is a false positive.
    gtc
        Ground-truth intersection: a true event is found when right ones cover this share of it.
    cttc
        Cross-trigger tolerance: a false positive of which at least this share lies in true events
        of another class is also a cross trigger. None: not counted.
    alpha_ct
        Weight of cross triggers, :math:`\alpha_{CT}`.
    alpha_st
        Weight of the standard deviation over classes, :math:`\alpha_{ST}`.
    max_efpr_per_h
        Rate of false positives up to which the curve is integrated, :math:`e_{max}`.
    """

    dtc: float
    gtc: float
    cttc: float | None
    alpha_ct: float
    alpha_st: float
    max_efpr_per_h: float


PSDS1 = Criterion(0.7, 0.7, None, 0.0, 1.0, 100.0)
"""Scenario 1 of DCASE's task 4: quick and exact in time."""

PSDS2 = Criterion(0.1, 0.1, 0.3, 0.5, 1.0, 100.0)
"""Scenario 2 of DCASE's task 4: not exact in time, but not to be taken for another class."""


class _ClassDeltas(NamedTuple):
    """What changes for one class as the threshold falls past each score; scores descending.

    ``clip``, ``tp`` and ``fp`` have the shape (change,), ``cross`` (change, class); ``last`` holds
    the index of the last change of each distinct score.
    """

    clip: Clips
    tp: Numbers
    fp: Numbers
    cross: Numbers
    last: NDArray[np.intp]


class Statistics(NamedTuple):
    """Per clip, what PSDS is made of.

    Attributes
    ----------
    criterion
        By which it was counted.
    labels
        The classes that have a true event, which are those scored.
    deltas
        Of each such class.
    true_events, true_seconds
        Number and summed length of true events, shape (clip, class).
    seconds
        Length of each clip, shape (clip,).
    """

    criterion: Criterion
    labels: tuple[str, ...]
    deltas: tuple[_ClassDeltas, ...]
    true_events: Numbers
    true_seconds: Numbers
    seconds: Numbers


def statistics(
    filtered: Mapping[str, Frames],
    truth: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
    *,
    seconds: Mapping[str, float],
    hop_s: float,
    criterion: Criterion,
) -> Statistics:
    """Count, by sed_scores_eval, how every threshold's detections fare in each clip.

    Classes without a true event have no rate of true positives. They are left out, as
    ``Statistics.labels`` says, and their detections count neither for nor against.

    Parameters
    ----------
    filtered
        Probabilities after the median filter, each of shape (frame, class).
    truth
        True events of each clip, none of one class overlapping.
    clip_ids
        In the order of the clips of the result.
    labels
        Label ids in class order.
    seconds
        Length of each clip.
    hop_s
        From one frame to the next.
    criterion
        :data:`PSDS1` or :data:`PSDS2`.

    Raises
    ------
    SpikesoundError
        If no clip has a true event.
    """
    present = {event.label for clip in clip_ids for event in truth[clip]}
    kept = tuple(label for label in labels if label in present)
    if not kept:
        raise SpikesoundError(f"psds: none of {len(clip_ids)} clips has a true event")
    columns = [list(labels).index(label) for label in kept]
    deltas = _library_deltas(filtered, truth, clip_ids, kept, columns, seconds, hop_s, criterion)
    events, lengths = _true_totals(truth, clip_ids, kept)
    return Statistics(
        criterion,
        kept,
        tuple(_class_deltas(deltas, clip_ids, label, kept) for label in kept),
        events,
        lengths,
        np.array([seconds[clip] for clip in clip_ids]),
    )


def _library_deltas(
    filtered: Mapping[str, Frames],
    truth: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
    columns: Sequence[int],
    seconds: Mapping[str, float],
    hop_s: float,
    criterion: Criterion,
) -> Any:
    with quiet_import():
        from sed_scores_eval.base_modules.scores import create_score_dataframe
        from sed_scores_eval.intersection_based import intermediate_statistics_deltas

    scores = {
        clip: create_score_dataframe(
            filtered[clip][:, columns].astype(np.float64),
            edges(len(filtered[clip]), hop_s, seconds[clip]),
            list(labels),
        )
        for clip in clip_ids
    }
    true = {
        clip: [(event.onset_s, event.offset_s, event.label) for event in truth[clip]]
        for clip in clip_ids
    }
    return intermediate_statistics_deltas(
        scores,
        true,
        dtc_threshold=criterion.dtc,
        gtc_threshold=criterion.gtc,
        cttc_threshold=criterion.cttc,
    )


def _class_deltas(
    deltas: Any, clip_ids: Sequence[str], label: str, labels: Sequence[str]
) -> _ClassDeltas:
    """Join one class's changes of all clips, in falling order of score."""
    parts = [deltas[clip][label] for clip in clip_ids]
    score = np.concatenate([levels for levels, _ in parts])
    clip = np.repeat(np.arange(len(parts)), [len(levels) for levels, _ in parts])

    def joined(key: str) -> Numbers:
        missing = [key not in changes for _, changes in parts]
        if all(missing):
            return np.zeros(len(score))
        return np.concatenate([changes[key] for _, changes in parts]).astype(np.float64)

    order = np.argsort(-score, kind="stable")
    # The library names the counts of each other class by this separator.
    cross = np.stack([joined(f"cts\\{other}") for other in labels], axis=1)
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True)) if len(score) else order
    return _ClassDeltas(clip[order], joined("tps")[order], joined("fps")[order], cross[order], last)


def _true_totals(
    truth: EventsOfClips, clip_ids: Sequence[str], labels: Sequence[str]
) -> tuple[Numbers, Numbers]:
    number = np.zeros((len(clip_ids), len(labels)))
    length = np.zeros_like(number)
    for row, clip in enumerate(clip_ids):
        for event in truth[clip]:
            column = labels.index(event.label)
            number[row, column] += 1
            length[row, column] += event.offset_s - event.onset_s
    return number, length


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
        From :func:`statistics`.
    weights
        Shape (resample, clip): how often the resample holds the clip.
    what
        Named where progress is shown; without it none is.

    References
    ----------
    Bilen et al., A framework for the robust evaluation of sound event detection, ICASSP 2020,
    equations 2-11; computed for all thresholds as in Ebbers, Serizel and Haeb-Umbach,
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
    deltas: _ClassDeltas,
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
