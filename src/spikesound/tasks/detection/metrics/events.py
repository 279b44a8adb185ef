"""Event-based and segment-based F1 by sed_eval, kept per clip so that clips can be resampled."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.core.progress import track
from spikesound.tasks.detection.metrics.counting import OFFSET_SHARE, ONSET_COLLAR_S, SEGMENT_S
from spikesound.tasks.detection.metrics.truth import EventsOfClips
from spikesound.tasks.multilabel import Values, Weights

Numbers = NDArray[np.float64]


class CountsOfClips(NamedTuple):
    """True positives, false positives and false negatives, each of shape (clip, class)."""

    tp: Numbers
    fp: Numbers
    fn: Numbers


@contextmanager
def quiet_import() -> Iterator[None]:
    """Silence what the libraries of detection's metrics warn of when they are imported."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*pkg_resources is deprecated.*")
        # A SyntaxWarning from Python 3.12 on, before that a DeprecationWarning.
        warnings.filterwarnings("ignore", message=".*invalid escape sequence.*")
        yield


def count_events(
    predicted: EventsOfClips,
    truth: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
) -> CountsOfClips:
    """Return the event-based counts of each clip and class.

    An event is found when one predicted begins within 0.2 s of it and ends within 0.2 s or a fifth
    of its length, whichever is more; of all pairings the largest counts.

    References
    ----------
    Mesaros, Heittola and Virtanen, Metrics for polyphonic sound event detection, Applied Sciences
    6 (2016), 162; sed_eval's ``EventBasedMetrics``.
    """
    with quiet_import():
        import sed_eval

    metrics = sed_eval.sound_event.EventBasedMetrics(
        event_label_list=list(labels),
        t_collar=ONSET_COLLAR_S,
        percentage_of_length=OFFSET_SHARE,
        event_matching_type="optimal",
    )
    rows = []
    for clip in track(clip_ids, total=len(clip_ids), what="event counts"):
        metrics.reset()
        metrics.evaluate(_container(truth, clip), _container(predicted, clip))
        rows.append(_class_wise(metrics, labels))
    return _stacked(rows, len(labels))


def count_segments(
    predicted: EventsOfClips,
    truth: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
    seconds: Sequence[float],
) -> CountsOfClips:
    """Return the counts of segments of 1 s in which a class sounds, of each clip and class.

    Parameters
    ----------
    seconds
        Length of each clip.

    References
    ----------
    As of :func:`count_events`; sed_eval's ``SegmentBasedMetrics``.
    """
    with quiet_import():
        import sed_eval

    metrics = sed_eval.sound_event.SegmentBasedMetrics(
        event_label_list=list(labels), time_resolution=SEGMENT_S
    )
    rows = []
    pairs = zip(clip_ids, seconds, strict=True)
    for clip, length in track(pairs, total=len(clip_ids), what="segment counts"):
        metrics.reset()
        metrics.evaluate(
            _container(truth, clip), _container(predicted, clip), evaluated_length_seconds=length
        )
        rows.append(_class_wise(metrics, labels))
    return _stacked(rows, len(labels))


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
    tp, fp, fn = (weights @ of_clips for of_clips in counts)
    per_class = _quotient(2 * tp, 2 * tp + fp + fn)
    seen = ~np.isnan(per_class)
    total = np.where(seen, per_class, 0.0).sum(axis=1)
    tp, fp, fn = tp.sum(axis=1), fp.sum(axis=1), fn.sum(axis=1)
    return {
        "macro": _quotient(total, seen.sum(axis=1).astype(np.float64)),
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


def _container(events: EventsOfClips, clip: str) -> Any:
    import dcase_util

    return dcase_util.containers.MetaDataContainer(
        [
            {
                "filename": clip,
                "event_label": event.label,
                "onset": event.onset_s,
                "offset": event.offset_s,
            }
            for event in events[clip]
        ]
    )


def _class_wise(metrics: Any, labels: Sequence[str]) -> list[list[float]]:
    """Return (tp, fp, fn) of each class."""
    return [[float(metrics.class_wise[label][key]) for key in _KEYS] for label in labels]


_KEYS = ("Ntp", "Nfp", "Nfn")


def _stacked(rows: Sequence[Sequence[Sequence[float]]], labels: int) -> CountsOfClips:
    table = np.array(rows, dtype=np.float64).reshape(-1, labels, len(_KEYS))
    return CountsOfClips(table[..., 0], table[..., 1], table[..., 2])
