"""All metrics of one detector, for any weighting of its clips, and a table of its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.models.spec import Decision
from spikesound.tasks import multilabel
from spikesound.tasks.detection.decision import Event, Frames, events
from spikesound.tasks.detection.delay import Delays, Timing, delay_metrics, delays
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics import intersections, psds
from spikesound.tasks.detection.metrics.class_table import class_table
from spikesound.tasks.detection.metrics.events import (
    CountsOfClips,
    count_events,
    count_segments,
    f1,
)
from spikesound.tasks.detection.metrics.truth import EventsOfClips, check_scores, true_events
from spikesound.tasks.multilabel import Flags, Scores, Values, Weights

METRICS = (
    "psds1",
    "psds2",
    "event_f1",
    "event_f1_micro",
    "segment_f1",
    "segment_f1_micro",
    *multilabel.METRICS,
    "delay_median_s",
    "delay_95_s",
    "missed_share",
    "early_share",
)

_CRITERIA = {"psds1": intersections.PSDS1, "psds2": intersections.PSDS2}


@dataclass(frozen=True)
class Measured:
    """Counts of a detector, clip by clip: all that its metrics are computed from.

    Attributes
    ----------
    clip_ids
        Sorted; the order of the weights.
    statistics
        By the name of the metric, what each PSDS is made of.
    event_counts, segment_counts
        True and false positives and false negatives of each clip and class.
    scores, targets
        Of whole clips, each of shape (clip, class).
    delays
        Of the true events.
    sizes
        The numbers of ``clips``, ``events`` (true), ``events_joined`` (taken into another that
        they touched), ``events_predicted``, ``classes`` and ``classes_scored`` (with a true
        event).
    classes
        One row per class: :func:`~spikesound.tasks.detection.metrics.class_table.class_table`.
    """

    clip_ids: tuple[str, ...]
    statistics: Mapping[str, intersections.Statistics]
    event_counts: CountsOfClips
    segment_counts: CountsOfClips
    scores: Scores
    targets: Flags
    delays: Delays
    sizes: dict[str, int]
    classes: pd.DataFrame

    def weighted_metrics(self, weights: Weights) -> dict[str, Values]:
        """Return each metric of :data:`METRICS` for every weighting of the clips.

        Shapes: weights (resample, clip), how often the resample holds the clip; each metric
        (resample,), NaN where it has no value.
        """
        values = {
            name: psds.weighted_psds(of_clips, weights, what=name)
            for name, of_clips in self.statistics.items()
        }
        for name, counts in (
            ("event_f1", self.event_counts),
            ("segment_f1", self.segment_counts),
        ):
            both = f1(counts, weights)
            values |= {name: both["macro"], f"{name}_micro": both["micro"]}
        return (
            values
            | multilabel.weighted_metrics(self.scores, self.targets, weights)
            | delay_metrics(self.delays, weights)
        )


def measure(
    scores: Mapping[str, Frames],
    truth: pd.DataFrame,
    seconds: Mapping[str, float],
    labels: Sequence[str],
    decisions: Mapping[str, Decision],
    *,
    clip_scores: Mapping[str, NDArray[np.floating]],
    hop_s: float,
    window_s: float,
) -> Measured:
    """Count a detector's true positives, false negatives and false positives in each clip.

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
    decisions
        Median filters and thresholds by clip: those tuned without the clip's fold.
    clip_scores
        Probability of each class for each clip as a whole, shape (class,).
    hop_s, window_s
        Of the features.

    Raises
    ------
    SpikesoundError
        If scores, truth, lengths, labels and decisions do not fit each other.
    """
    check_scores(scores, seconds, labels)
    _check(scores, clip_scores, labels, decisions)
    true = true_events(truth, seconds, labels)
    clip_ids = sorted(scores)
    filtered = {clip: median(scores[clip], decisions[clip].medians) for clip in clip_ids}
    predicted = predict(filtered, seconds, labels, decisions, hop_s)
    statistics = {
        name: intersections.statistics(
            filtered, true, clip_ids, labels, seconds=seconds, hop_s=hop_s, criterion=criterion
        )
        for name, criterion in _CRITERIA.items()
    }
    tables = _tables(true, clip_ids, labels, clip_scores)
    lengths = [seconds[clip] for clip in clip_ids]
    of_events = count_events(predicted, true, clip_ids, labels)
    of_segments = count_segments(predicted, true, clip_ids, labels, lengths)
    timing = Timing(hop_s, window_s, max(decisions[clip].delay for clip in clip_ids))
    late = delays(predicted, true, clip_ids, labels, seconds=seconds, timing=timing)
    sizes = {
        "clips": len(clip_ids),
        "events": sum(map(len, true.values())),
        "events_joined": len(truth) - sum(map(len, true.values())),
        "events_predicted": sum(map(len, predicted.values())),
        "classes": len(labels),
        "classes_scored": len(statistics["psds1"].labels),
    }
    classes = class_table(
        labels, true, _of_folds(decisions), hop_s, statistics, of_events, of_segments, tables, late
    )
    return Measured(
        tuple(clip_ids), statistics, of_events, of_segments, *tables, late, sizes, classes
    )


def predict(
    filtered: Mapping[str, Frames],
    seconds: Mapping[str, float],
    labels: Sequence[str],
    decisions: Mapping[str, Decision],
    hop_s: float,
) -> dict[str, list[Event]]:
    """Return the events of each clip, given its probabilities after the median filter."""
    return {
        clip: events(
            of_clip, decisions[clip].thresholds, labels=labels, hop_s=hop_s, seconds=seconds[clip]
        )
        for clip, of_clip in filtered.items()
    }


def _check(
    scores: Mapping[str, Frames],
    clip_scores: Mapping[str, NDArray[np.floating]],
    labels: Sequence[str],
    decisions: Mapping[str, Decision],
) -> None:
    for clip in scores:
        if clip not in decisions or len(decisions[clip].thresholds) != len(labels):
            count = len(decisions[clip].thresholds) if clip in decisions else 0
            raise SpikesoundError(
                f"decision of clip {clip!r}: {count} thresholds for {len(labels)} labels"
            )
    lone = sorted(set(scores) ^ set(clip_scores))
    if lone:
        raise SpikesoundError(f"clip scores: clip {lone[0]!r} has only one kind of scores")
    for clip, of_clip in clip_scores.items():
        if of_clip.shape != (len(labels),) or not ((of_clip >= 0) & (of_clip <= 1)).all():
            raise SpikesoundError(
                f"clip scores: of clip {clip!r} are not {len(labels)} values within 0 and 1"
            )


def _of_folds(decisions: Mapping[str, Decision]) -> list[Decision]:
    """Return the decision rules of the folds, each once."""
    return list({decision.model_dump_json(): decision for decision in decisions.values()}.values())


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
