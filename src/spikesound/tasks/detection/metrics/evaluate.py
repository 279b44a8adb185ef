"""All metrics of one detector, with intervals over scenes, and a table of its classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.bootstrap import draw
from spikesound.evaluation.predictions import Flags, Scores
from spikesound.models.spec import Decision
from spikesound.tasks.classification.metrics import Values, Weights
from spikesound.tasks.detection.decision import Event, Frames, events
from spikesound.tasks.detection.delay import Delays, Timing, delay_metrics, delays
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics import clips, intersections, psds
from spikesound.tasks.detection.metrics.class_table import class_table
from spikesound.tasks.detection.metrics.events import (
    CountsOfClips,
    count_events,
    count_segments,
    f1,
)
from spikesound.tasks.detection.metrics.truth import EventsOfClips, check_scores, true_events

_CRITERIA = {"psds1": intersections.PSDS1, "psds2": intersections.PSDS2}


def resampled(
    scores: Mapping[str, Frames],
    truth: pd.DataFrame,
    seconds: Mapping[str, float],
    labels: Sequence[str],
    decision: Decision,
    *,
    clip_scores: Mapping[str, NDArray[np.floating]],
    hop_s: float,
    window_s: float,
    generator: np.random.Generator,
    resamples: int,
) -> tuple[dict[str, Values], dict[str, int], pd.DataFrame]:
    """Judge a detector by scenes that had no part in training or choosing.

    All metrics meet the same resamples of scenes, and so do two detectors whose generators have
    the same seed: the differences of their values are those of a paired bootstrap.

    Parameters
    ----------
    scores
        Probabilities before the median filter by clip, each of shape (frame, class).
    truth
        The EVENTS table of these clips.
    seconds
        Length of each clip.
    labels
        Label ids in class order.
    decision
        Median filters and thresholds.
    clip_scores
        Probability of each class for each clip as a whole, shape (class,).
    hop_s, window_s
        Of the features.
    generator
        Draws the resamples.
    resamples
        How many, at least 1.

    Returns
    -------
    dict
        Of ``psds1``, ``psds2``, ``event_f1``, ``event_f1_micro``, ``segment_f1``,
        ``segment_f1_micro``, ``map``, ``auc``, ``d_prime``, ``lwlrap``, ``delay_median_s``,
        ``delay_95_s``, ``missed_share`` and ``early_share`` the value of all scenes and then that
        of every resample; :func:`summary` makes intervals of them.
    dict
        The numbers of ``clips``, ``events`` (true), ``events_joined`` (taken into another that
        they touched), ``events_predicted``, ``classes`` and ``classes_scored`` (with a true
        event).
    DataFrame
        One row per class.

    Raises
    ------
    SpikesoundError
        If scores, truth, lengths, labels and decision do not fit each other.
    """
    check_scores(scores, seconds, labels)
    _check(scores, clip_scores, labels, decision, resamples)
    true = true_events(truth, seconds, labels)
    clip_ids = sorted(scores)
    filtered = {clip: median(scores[clip], decision.medians) for clip in clip_ids}
    predicted = predict(filtered, seconds, labels, decision, hop_s)
    weights = np.concatenate(
        [
            np.ones((1, len(clip_ids))),
            draw(np.arange(len(clip_ids)), resamples, generator),
        ]
    )
    counted = {
        name: intersections.statistics(
            filtered, true, clip_ids, labels, seconds=seconds, hop_s=hop_s, criterion=criterion
        )
        for name, criterion in _CRITERIA.items()
    }
    tables = _tables(true, clip_ids, labels, clip_scores)
    lengths = [seconds[clip] for clip in clip_ids]
    of_events = count_events(predicted, true, clip_ids, labels)
    of_segments = count_segments(predicted, true, clip_ids, labels, lengths)
    timing = Timing(hop_s, window_s, max(decision.medians) // 2)
    late = delays(predicted, true, clip_ids, labels, seconds=seconds, timing=timing)
    values = _values(counted, of_events, of_segments, tables, late, weights)
    sizes = {
        "clips": len(clip_ids),
        "events": sum(map(len, true.values())),
        "events_joined": len(truth) - sum(map(len, true.values())),
        "events_predicted": sum(map(len, predicted.values())),
        "classes": len(labels),
        "classes_scored": len(counted["psds1"].labels),
    }
    table = class_table(
        labels, true, decision, hop_s, counted, of_events, of_segments, tables, late
    )
    return values, sizes, table


def predict(
    filtered: Mapping[str, Frames],
    seconds: Mapping[str, float],
    labels: Sequence[str],
    decision: Decision,
    hop_s: float,
) -> dict[str, list[Event]]:
    """Return the events of each clip, given its probabilities after the median filter."""
    return {
        clip: events(
            of_clip, decision.thresholds, labels=labels, hop_s=hop_s, seconds=seconds[clip]
        )
        for clip, of_clip in filtered.items()
    }


def _check(
    scores: Mapping[str, Frames],
    clip_scores: Mapping[str, NDArray[np.floating]],
    labels: Sequence[str],
    decision: Decision,
    resamples: int,
) -> None:
    if len(decision.thresholds) != len(labels):
        raise SpikesoundError(
            f"decision: {len(decision.thresholds)} thresholds for {len(labels)} labels"
        )
    lone = sorted(set(scores) ^ set(clip_scores))
    if lone:
        raise SpikesoundError(f"clip scores: clip {lone[0]!r} has only one kind of scores")
    for clip, of_clip in clip_scores.items():
        if of_clip.shape != (len(labels),) or not ((of_clip >= 0) & (of_clip <= 1)).all():
            raise SpikesoundError(
                f"clip scores: of clip {clip!r} are not {len(labels)} values within 0 and 1"
            )
    if resamples < 1:
        raise SpikesoundError(f"bootstrap: resamples {resamples} below 1")


def _tables(
    true: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
    clip_scores: Mapping[str, NDArray[np.floating]],
) -> tuple[Scores, Flags]:
    """Return scores and targets of whole clips, each of shape (clip, class)."""
    column = {label: number for number, label in enumerate(labels)}
    targets = np.zeros((len(clip_ids), len(labels)), dtype=bool)
    for row, clip in enumerate(clip_ids):
        targets[row, [column[event.label] for event in true[clip]]] = True
    return np.stack([clip_scores[clip] for clip in clip_ids]).astype(np.float64), targets


def _values(
    counted: Mapping[str, intersections.Statistics],
    of_events: CountsOfClips,
    of_segments: CountsOfClips,
    tables: tuple[Scores, Flags],
    late: Delays,
    weights: Weights,
) -> dict[str, Values]:
    """Return each metric of every weighting, the first of which is all clips once."""
    values = {
        name: psds.weighted_psds(of_clips, weights, what=name) for name, of_clips in counted.items()
    }
    for name, counts in (("event_f1", of_events), ("segment_f1", of_segments)):
        both = f1(counts, weights)
        values |= {name: both["macro"], f"{name}_micro": both["micro"]}
    return values | clips.weighted_metrics(*tables, weights) | delay_metrics(late, weights)


def summary(values: Mapping[str, Values], confidence: float) -> dict[str, float | int | None]:
    r"""Return each metric with the ends ``_low`` and ``_high`` of its interval.

    The interval runs between the :math:`\alpha / 2` and :math:`1 - \alpha / 2` quantiles over
    the resamples that have a value. A value that does not exist or is infinite is None.

    Raises
    ------
    SpikesoundError
        If the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise SpikesoundError(f"bootstrap: confidence {confidence} is not between 0 and 1")
    found: dict[str, float | int | None] = {}
    for name, (whole, *resampled) in values.items():
        there = np.array([value for value in resampled if not math.isnan(value)])
        low = high = math.nan
        if len(there):
            tails = [(1 - confidence) / 2, (1 + confidence) / 2]
            # No interpolation: between an infinite d' and a finite one there is no middle.
            low, high = np.quantile(there, tails, method="nearest")
        for key, value in ((name, whole), (f"{name}_low", low), (f"{name}_high", high)):
            found[key] = float(value) if math.isfinite(value) else None
    return found
