"""Quality of a detector's output in the hours: PSDS, delay, and events that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.evaluation.bootstrap import resampled, with_intervals
from spikesound.evaluation.clusters import each_alone
from spikesound.experiments.hour.compose import HOUR_S
from spikesound.experiments.hour.hours import Hours
from spikesound.models.spec import Decision
from spikesound.params import FeatureParams
from spikesound.tasks.detection.decision import Event
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics.measure import measure, predict

Frames = npt.NDArray[np.float32]

SHOWN = (
    "psds1", "psds2", "event_f1", "segment_f1", "delay_median_s", "delay_95_s", "missed_share",
)  # fmt: skip
"""Metrics of a row, with intervals."""


def quality(
    hours: Hours,
    scores: Frames,
    decision: Decision,
    features: FeatureParams,
    *,
    generator: np.random.Generator,
    resamples: int,
    confidence: float,
) -> dict[str, Any]:
    """Return the metrics :data:`SHOWN` with intervals over minutes, and false events an hour.

    Recordings are shared by minutes, so that the intervals are too narrow.

    Parameters
    ----------
    scores : probabilities as they come (minute, frame + look-ahead, class), before the median
        filter
    """
    ids, of_frames = hours.names, hours.of_frames(scores)
    measured = measure(
        dict(zip(ids, of_frames, strict=True)),
        hours.table,
        hours.seconds,
        hours.labels,
        dict.fromkeys(ids, decision),
        clip_scores=dict(zip(ids, of_frames.max(1), strict=True)),
        hop_s=features.hop / features.rate_hz,
        window_s=features.window / features.rate_hz,
    )
    values = resampled(
        measured.weighted_metrics,
        each_alone(len(measured.clip_ids)),
        generator=generator,
        resamples=resamples,
    )
    shown = with_intervals({name: values[name] for name in SHOWN}, confidence, nearest=True)
    row: dict[str, Any] = {name: None if v is None else round(v, 4) for name, v in shown.items()}
    row["events"] = measured.sizes["events"]
    hop_s = features.hop / features.rate_hz
    return row | {"false_per_hour": round(false_per_hour(hours, scores, decision, hop_s), 2)}


def false_per_hour(hours: Hours, scores: Frames, decision: Decision, hop_s: float) -> float:
    """Return how many predicted events an hour no true one of their class overlaps."""
    filtered = {
        name: median(of_minute, decision.medians)
        for name, of_minute in zip(hours.names, hours.of_frames(scores), strict=True)
    }
    decisions = dict.fromkeys(hours.names, decision)
    found = predict(filtered, hours.seconds, hours.labels, decisions, hop_s)
    truth = hours.truth
    false = sum(
        not any(overlap(event, true) for true in truth[name])
        for name, events in found.items()
        for event in events
    )
    return false / (sum(hours.seconds.values()) / HOUR_S)


def overlap(one: Event, other: Event) -> bool:
    """Return whether two events of one class sound at the same time."""
    return (
        one.label == other.label and one.onset_s < other.offset_s and one.offset_s > other.onset_s
    )
