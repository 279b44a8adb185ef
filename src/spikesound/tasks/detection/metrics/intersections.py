"""Intersections of detections with true events of each clip, at every threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.tasks.detection.decision import Event, Frames, edges
from spikesound.tasks.detection.metrics.truth import EventsOfClips

Numbers = NDArray[np.float64]
Clips = NDArray[np.intp]

_DECIMALS = 6
"""To which times are compared, as sed_scores_eval does: sums of them are not exact."""


class Criterion(NamedTuple):
    r"""Parameters of PSDS: tolerances of detections, and costs of instability and cross-triggers.

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


class ClassDeltas(NamedTuple):
    """Changes of the counts of one class as the threshold falls past each score, descending.

    ``clip``, ``score``, ``tp`` and ``fp`` have the shape (change,), ``cross`` (change, class);
    ``last`` holds the index of the last change of each distinct score.
    """

    clip: Clips
    score: Numbers
    tp: Numbers
    fp: Numbers
    cross: Numbers
    last: NDArray[np.intp]


class Changes(NamedTuple):
    """Changes of the counts of one class in one clip as the threshold falls past each score.

    ``score`` has the shape (change,); ``counts`` (change, 2 + class): events found, false
    positives, and detections crossed with each class.
    """

    score: Numbers
    counts: Numbers


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
    deltas: tuple[ClassDeltas, ...]
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
    """Count how every threshold's detections fare in each clip.

    These are the counts of sed_scores_eval's ``intersection_based``.

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
    column = {label: number for number, label in enumerate(labels)}
    changes: dict[str, list[Changes]] = {label: [] for label in kept}
    for clip in clip_ids:
        times = edges(len(filtered[clip]), hop_s, seconds[clip])
        spans = {label: _spans(truth[clip], label) for label in kept}
        for label in kept:
            others = [spans[other][: None if other != label else 0] for other in kept]
            scores = filtered[clip][:, column[label]].astype(np.float64)
            changes[label].append(_changes(scores, times, spans[label], others, criterion))
    events, lengths = _true_totals(truth, clip_ids, kept)
    return Statistics(
        criterion,
        kept,
        tuple(_joined(changes[label]) for label in kept),
        events,
        lengths,
        np.array([seconds[clip] for clip in clip_ids]),
    )


def _spans(events: Sequence[Event], label: str) -> Numbers:
    """Return onset and offset of each event of a class, shape (event, 2)."""
    times = [(event.onset_s, event.offset_s) for event in events if event.label == label]
    return np.array(times, dtype=np.float64).reshape(-1, 2)


def _changes(
    scores: Numbers, times: Numbers, true: Numbers, others: Sequence[Numbers], criterion: Criterion
) -> Changes:
    """Return what changes in one clip as the threshold falls past each of a class's scores.

    Parameters
    ----------
    scores
        Shape (frame,).
    times
        Between the frames, shape (frame + 1,).
    true, others
        Spans of the true events of the class, and of each class; of its own there are none.
    """
    levels, level, spans = _detections(scores, times)
    inside = _overlaps(spans, true)
    length = spans[:, 1] - spans[:, 0]
    right = _at_least(inside.sum(axis=1), criterion.dtc * length)
    covered = np.zeros((len(levels), len(true)))
    np.add.at(covered, level[right], inside[right])
    found = _at_least(covered, criterion.gtc * (true[:, 1] - true[:, 0]))
    counts = np.zeros((len(levels), 2 + len(others)))
    counts[:, 0] = found.sum(axis=1)
    counts[:, 1] = np.bincount(level[~right], minlength=len(levels))
    if criterion.cttc is not None:
        for number, other in enumerate(others):
            elsewhere = _overlaps(spans, other).sum(axis=1)
            crossed = ~right & _at_least(elsewhere, criterion.cttc * length)
            counts[:, 2 + number] = np.bincount(level[crossed], minlength=len(levels))
    # A threshold above all scores detects nothing.
    change = counts - np.vstack([counts[1:], np.zeros_like(counts[:1])])
    kept = change.any(axis=1)
    return Changes(levels[kept], change[kept])


def _detections(scores: Numbers, times: Numbers) -> tuple[Numbers, Clips, Numbers]:
    """Return the distinct scores, rising, and what is detected with each of them as threshold.

    The detections are given by the index of the threshold, shape (detection,), and by onset and
    offset, shape (detection, 2), in the order of thresholds and onsets.
    """
    levels = np.unique(scores)
    active = np.zeros((len(levels), len(scores) + 2), dtype=np.bool_)
    active[:, 1:-1] = scores >= levels[:, None]
    level, start = np.nonzero(active[:, 1:] & ~active[:, :-1])
    _, stop = np.nonzero(active[:, :-1] & ~active[:, 1:])
    spans = np.stack([times[start], times[stop]], axis=1)
    lasting = spans[:, 1] > spans[:, 0]
    return levels, level[lasting], spans[lasting]


def _overlaps(spans: Numbers, others: Numbers) -> Numbers:
    """Return how long each span is within each of the others, shape (span, other)."""
    ends = np.minimum(spans[:, None, 1], others[:, 1])
    begins = np.maximum(spans[:, None, 0], others[:, 0])
    overlaps: Numbers = np.maximum(ends - begins, 0.0)
    return overlaps


def _at_least(seconds: Numbers, limit_s: Numbers) -> NDArray[np.bool_]:
    reached: NDArray[np.bool_] = seconds.round(_DECIMALS) >= limit_s.round(_DECIMALS)
    return reached


def _joined(parts: Sequence[Changes]) -> ClassDeltas:
    """Join one class's changes of all clips, in falling order of score."""
    score = np.concatenate([part.score for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    clip = np.repeat(np.arange(len(parts)), [len(part.score) for part in parts])
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True)) if len(score) else order
    counts = counts[order]
    return ClassDeltas(clip[order], score[order], counts[:, 0], counts[:, 1], counts[:, 2:], last)


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
