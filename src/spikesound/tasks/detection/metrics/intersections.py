"""How the detections of every threshold meet the true events of each clip, by sed_scores_eval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.tasks.detection.decision import Frames, edges
from spikesound.tasks.detection.metrics.events import quiet_import
from spikesound.tasks.detection.metrics.truth import EventsOfClips

Numbers = NDArray[np.float64]
Clips = NDArray[np.intp]


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


class ClassDeltas(NamedTuple):
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
        from sed_scores_eval.intersection_based import intermediate_statistics_deltas

    scores = {
        clip: score_frame(
            filtered[clip][:, columns],
            edges(len(filtered[clip]), hop_s, seconds[clip]),
            labels,
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


class _ScoreFrame(pd.DataFrame):
    """A frame whose arrays may be written to, as the library's compiled code asks.

    Since pandas 3 those of any other are read-only.
    """

    @property
    def _constructor(self) -> type[_ScoreFrame]:
        return _ScoreFrame

    def to_numpy(self, *arguments: Any, **named: Any) -> NDArray[Any]:
        array: NDArray[Any] = np.array(super().to_numpy(*arguments, **named))
        return array


def score_frame(
    scores: NDArray[np.floating], times: NDArray[np.float64], labels: Sequence[str]
) -> pd.DataFrame:
    """Return one clip's probabilities in the form that sed_scores_eval takes.

    Parameters
    ----------
    scores
        Shape (frame, class).
    times
        Between the frames, shape (frame + 1,).
    labels
        Label ids in class order.
    """
    with quiet_import():
        from sed_scores_eval.base_modules.scores import create_score_dataframe

    return _ScoreFrame(
        create_score_dataframe(scores.astype(np.float64), times, event_classes=list(labels))
    )


def _class_deltas(
    deltas: Any, clip_ids: Sequence[str], label: str, labels: Sequence[str]
) -> ClassDeltas:
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
    return ClassDeltas(clip[order], joined("tps")[order], joined("fps")[order], cross[order], last)


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
