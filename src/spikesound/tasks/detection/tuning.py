"""The median filter and the threshold of each class, chosen on validation scenes only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.models.spec import Decision
from spikesound.tasks.detection.decision import Frames, edges, runs
from spikesound.tasks.detection.median_filter import median, odd_frames
from spikesound.tasks.detection.metrics.counting import (
    Counts,
    EventArrays,
    Segments,
    arrays_of,
    event_counts,
)
from spikesound.tasks.detection.metrics.truth import EventsOfClips, check_scores

# Below every probability, so that no event runs from one clip into the next.
_BETWEEN_CLIPS = -1.0


class _Candidate(NamedTuple):
    event_f1: float
    segment_f1: float
    nearness: float
    shortness: int
    threshold: float
    frames: int


def choose_decision(
    scores: Mapping[str, Frames],
    truth: EventsOfClips,
    seconds: Mapping[str, float],
    labels: Sequence[str],
    *,
    hop_s: float,
    medians_s: Sequence[float],
    thresholds: Sequence[float],
) -> tuple[Decision, pd.DataFrame]:
    """Choose, class by class, what gives the best event-based F1.

    Of several that do, the one of the best segment-based F1; then the threshold nearest 0.5; then
    the shortest filter, which delays least. A class without an event in these clips gets the
    threshold nearest 0.5 without a choice, which its row in the table shows by ``events`` of 0.

    Parameters
    ----------
    scores
        Probabilities before the median filter by clip, each of shape (frame, class).
    truth
        True events of each clip; see :func:`spikesound.tasks.detection.metrics.truth.true_events`.
    seconds
        Length of each clip.
    labels
        Label ids in class order.
    hop_s
        From one frame to the next.
    medians_s
        Lengths of the filter to try; each becomes the nearest odd number of frames.
    thresholds
        To try, each within [0, 1].

    Returns
    -------
    Decision, DataFrame
        And per class: label, events (true ones), median_s, median_frames, threshold, event_f1,
        segment_f1, the two last of these very clips and so no measure of the detector.

    Raises
    ------
    SpikesoundError
        If there is nothing to choose from, a threshold is not within [0, 1], or scores do not fit
        clips and labels.
    """
    check_scores(scores, seconds, labels)
    if not medians_s or not thresholds or not all(0 <= value <= 1 for value in thresholds):
        raise SpikesoundError(
            f"decision: medians {list(medians_s)} and thresholds {list(thresholds)}: "
            "at least one each is needed, thresholds within 0 and 1"
        )
    clip_ids = sorted(scores)
    lengths = sorted({odd_frames(length_s, hop_s) for length_s in medians_s})
    true = [arrays_of(truth, clip_ids, label) for label in labels]
    segments = Segments(clip_ids, seconds)
    sounding = [segments.active(events) for events in true]
    best: list[_Candidate | None] = [None] * len(labels)
    for length in lengths:
        joined = _Joined(scores, clip_ids, seconds, length, hop_s)
        for column in range(len(labels)):
            for threshold, found in joined.events(column, thresholds):
                events = event_counts(found, true[column], joined.longest_s)
                within = segments.counts(found, sounding[column])
                candidate = _candidate(events, within, threshold, length)
                best[column] = max(best[column] or candidate, candidate)
    chosen = [candidate for candidate in best if candidate is not None]
    return _result(chosen, labels, [len(events.clip) for events in true], hop_s)


def _candidate(events: Counts, segments: Counts, threshold: float, frames: int) -> _Candidate:
    nearness = -abs(threshold - 0.5)
    return _Candidate(events.f1, segments.f1, nearness, -frames, threshold, frames)


def _result(
    chosen: Sequence[_Candidate], labels: Sequence[str], true: Sequence[int], hop_s: float
) -> tuple[Decision, pd.DataFrame]:
    decision = Decision(
        thresholds=[candidate.threshold for candidate in chosen],
        medians=[candidate.frames for candidate in chosen],
    )
    table = pd.DataFrame(
        {
            "label": list(labels),
            "events": list(true),
            "median_s": [candidate.frames * hop_s for candidate in chosen],
            "median_frames": decision.medians,
            "threshold": decision.thresholds,
            "event_f1": [candidate.event_f1 for candidate in chosen],
            "segment_f1": [candidate.segment_f1 for candidate in chosen],
        }
    )
    return decision, table


class _Joined:
    """The filtered frames of all clips in one array, so that events come from a few array steps."""

    def __init__(
        self,
        scores: Mapping[str, Frames],
        clip_ids: Sequence[str],
        seconds: Mapping[str, float],
        length: int,
        hop_s: float,
    ) -> None:
        rows: list[Frames] = []
        times: list[NDArray[np.float64]] = []
        for clip in clip_ids:
            of_clip = scores[clip]
            # One row more than frames, so that rows and the times between frames keep step.
            rows.append(median(of_clip, [length] * of_clip.shape[1]))
            rows.append(np.full((1, of_clip.shape[1]), _BETWEEN_CLIPS, dtype=of_clip.dtype))
            times.append(edges(len(of_clip), hop_s, seconds[clip]))
        self._rows = np.concatenate(rows)
        self._times = np.concatenate(times)
        self._clip = np.repeat(np.arange(len(clip_ids)), [len(of_clip) for of_clip in times])
        self.longest_s = max(seconds[clip] for clip in clip_ids)

    def events(self, column: int, thresholds: Sequence[float]) -> list[tuple[float, EventArrays]]:
        """Return the events of one class at each threshold."""
        levels = np.asarray(thresholds, dtype=np.float64)
        which, first, end = runs(self._rows[:, column, None] >= levels)
        bounds = np.searchsorted(which, np.arange(len(levels) + 1))
        return [
            (
                float(threshold),
                EventArrays(self._clip[first[a:b]], self._times[first[a:b]], self._times[end[a:b]]),
            )
            for threshold, a, b in zip(thresholds, bounds[:-1], bounds[1:], strict=True)
        ]
