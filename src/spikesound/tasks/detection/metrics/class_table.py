"""The table of a detector's classes: numbers of true and of detected events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from spikesound.models.spec import Decision
from spikesound.tasks.detection.delay import Delays, delay_metrics
from spikesound.tasks.detection.metrics.events import CountsOfClips, class_f1
from spikesound.tasks.detection.metrics.intersections import Statistics
from spikesound.tasks.detection.metrics.psds import class_psds
from spikesound.tasks.detection.metrics.truth import EventsOfClips
from spikesound.tasks.multilabel import Flags, Scores, class_metrics


def class_table(
    labels: Sequence[str],
    true: EventsOfClips,
    decisions: Sequence[Decision],
    hop_s: float,
    counted: Mapping[str, Statistics],
    of_events: CountsOfClips,
    of_segments: CountsOfClips,
    tables: tuple[Scores, Flags],
    late: Delays,
) -> pd.DataFrame:
    """Return one row per class: true events, predicted ones, metrics, threshold and filter.

    Parameters
    ----------
    labels
        Label ids in class order.
    true
        True events of each clip.
    decisions, hop_s
        Median filters and thresholds of each fold, of which the table has the means; and the step
        of the frames that they count.
    counted
        By the name of its column, what each PSDS is made of.
    of_events, of_segments
        Counts of each clip and class.
    tables
        Scores and targets of whole clips, each of shape (clip, class).
    late
        The true events' delays.

    Returns
    -------
    DataFrame
        label; clips, events and true_s (seconds) that have it; predicted (events); event_f1,
        segment_f1, psds1, psds2, average_precision, auc; threshold, median_s; delay_median_s,
        delay_95_s, missed_share, early_share. NaN where a class has no such value.
    """
    scores, targets = tables
    lengths = {
        label: [
            e.offset_s - e.onset_s for of_clip in true.values() for e in of_clip if e.label == label
        ]
        for label in labels
    }
    table = pd.DataFrame(
        {
            "label": list(labels),
            "clips": targets.sum(axis=0),
            "events": [len(lengths[label]) for label in labels],
            "true_s": [sum(lengths[label]) for label in labels],
            "predicted": (of_events.tp + of_events.fp).sum(axis=0).astype(int),
            "event_f1": class_f1(of_events),
            "segment_f1": class_f1(of_segments),
        }
    )
    for name, of_clips in counted.items():
        alone = class_psds(of_clips)
        table[name] = [alone.get(label, math.nan) for label in labels]
    of_clips_as_wholes = class_metrics(scores, targets)
    for name in ("average_precision", "auc"):
        table[name] = of_clips_as_wholes[name]
    table["threshold"] = np.mean([each.thresholds for each in decisions], axis=0)
    table["median_s"] = np.mean([each.medians for each in decisions], axis=0) * hop_s
    return table.merge(_delays(late, labels), on="label")


def _delays(late: Delays, labels: Sequence[str]) -> pd.DataFrame:
    once = np.ones((1, int(late.clip.max(initial=0)) + 1))
    rows = []
    for c, label in enumerate(labels):
        of_class = late.label == c
        part = Delays(*(column[of_class] for column in late))
        rows.append({"label": label} | {k: v[0] for k, v in delay_metrics(part, once).items()})
    return pd.DataFrame(rows)
