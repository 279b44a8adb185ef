"""Event-based and segment-based F1, counted per clip so that clips can be resampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.tasks.detection.metrics.counting import Segments, arrays_of, found_in
from spikesound.tasks.detection.metrics.truth import EventsOfClips
from spikesound.tasks.multilabel import Values, Weights

Numbers = NDArray[np.float64]


class CountsOfClips(NamedTuple):
    """True positives, false positives and false negatives, each of shape (clip, class)."""

    tp: Numbers
    fp: Numbers
    fn: Numbers


def count_events(
    predicted: EventsOfClips,
    truth: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
) -> CountsOfClips:
    """Return the event-based counts of each clip and class.

    An event is found when one predicted begins within 0.2 s of it and ends within 0.2 s or a fifth
    of its length, whichever is more; of all pairings the largest counts. See
    :func:`spikesound.tasks.detection.metrics.counting.found_in`.
    """
    onsets = [event.onset_s for of in (predicted, truth) for clip in clip_ids for event in of[clip]]
    latest_s = max(onsets, default=0.0)
    columns = []
    for label in labels:
        mine, theirs = (arrays_of(events, clip_ids, label) for events in (predicted, truth))
        found = found_in(mine, theirs, latest_s)
        columns.append([_per_clip(clip, clip_ids) for clip in (found, mine.clip, theirs.clip)])
    return _counts(columns)


def count_segments(
    predicted: EventsOfClips,
    truth: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
    seconds: Sequence[float],
) -> CountsOfClips:
    """Return the counts of segments of 1 s in which a class sounds, of each clip and class.

    These are the counts of sed_eval's ``SegmentBasedMetrics`` with ``time_resolution=1``.

    Parameters
    ----------
    seconds
        Length of each clip.
    """
    segments = Segments(clip_ids, dict(zip(clip_ids, seconds, strict=True)))
    columns = []
    for label in labels:
        named, there = (
            segments.active(arrays_of(events, clip_ids, label)) for events in (predicted, truth)
        )
        columns.append(
            [_per_clip(segments.clip[of], clip_ids) for of in (named & there, named, there)]
        )
    return _counts(columns)


def f1(counts: CountsOfClips, weights: Weights) -> dict[str, Values]:
    r"""Return macro and micro F1 of every weighting of the clips.

    With the counts summed over clips, :math:`F_1 = 2 TP / (2 TP + FP + FN)`. Macro is its mean
    over classes. A class that is nowhere true nor predicted has none and is left out of the mean;
    one that is true but never predicted has 0. (sed_eval leaves the latter out too, so that its own
    class-wise average rewards silence on hard classes.)

    Parameters
    ----------
    counts
        Per clip and class.
    weights
        Shape (resample, clip): how often the resample holds the clip.

    Returns
    -------
    dict
        ``macro`` and ``micro``, each of shape (resample,).
    """
    return f1_of_sums(*(weights @ of_clips for of_clips in counts))


def f1_of_sums(tp: Numbers, fp: Numbers, fn: Numbers) -> dict[str, Values]:
    """Return macro and micro F1 (...) of counts (..., class), summed over clips; see :func:`f1`."""
    per_class = _quotient(2 * tp, 2 * tp + fp + fn)
    seen = ~np.isnan(per_class)
    total = np.where(seen, per_class, 0.0).sum(axis=-1)
    tp, fp, fn = tp.sum(axis=-1), fp.sum(axis=-1), fn.sum(axis=-1)
    return {
        "macro": _quotient(total, seen.sum(axis=-1).astype(np.float64)),
        "micro": _quotient(2 * tp, 2 * tp + fp + fn),
    }


def class_f1(counts: CountsOfClips) -> Values:
    """Return F1 of each class over all clips, NaN where it is nowhere true nor predicted."""
    tp, fp, fn = (of_clips.sum(axis=0) for of_clips in counts)
    return _quotient(2 * tp, 2 * tp + fp + fn)


def _quotient(numerator: Numbers, denominator: Numbers) -> Numbers:
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _per_clip(clips: NDArray[np.intp], clip_ids: Sequence[str]) -> Numbers:
    return np.bincount(clips, minlength=len(clip_ids)).astype(np.float64)


def _counts(columns: Sequence[Sequence[Numbers]]) -> CountsOfClips:
    """Return the counts, given of each class what is found, predicted and true in each clip."""
    found, predicted, true = (np.stack(of, axis=1) for of in zip(*columns, strict=True))
    return CountsOfClips(found, predicted - found, true - found)
