"""Evaluation of a detector on the clips that were held out, and on background without events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.core import schema
from spikesound.core.seeds import numpy_generator
from spikesound.costs.power import Sound, count_sounds, silence, write_counts
from spikesound.evaluation.bootstrap import resampled, with_intervals
from spikesound.evaluation.clusters import groups_of
from spikesound.evaluation.curves import write_confusion, write_csv, write_curves
from spikesound.evaluation.figures import model_figures
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.places import Places
from spikesound.evaluation.predictions import to_frame, to_matrix
from spikesound.evaluation.summary import Metrics, write_metrics
from spikesound.features.front_end import FrontEnd
from spikesound.models.spec import Decision, Spec
from spikesound.tasks.detection.delay import false_alarms
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics.measure import measure, predict
from spikesound.training.dataset import Dataset
from spikesound.training.scores import frame_scores

COUNTED_CLIPS = 100
"""Clips of each kind in which operations are counted: the figures are means over frames."""

SCORES = "scores.npz"
RESAMPLES = "resamples.npz"
COUNTS = "operations.csv"

Frames = npt.NDArray[Any]


@dataclass(frozen=True)
class FoldScores:
    """Output of a detector for the held-out clips of one fold.

    Attributes
    ----------
    clips : their ids
    framewise : probabilities (frame, class) of each, before the median filter
    clipwise : probabilities (clip, class)
    background : probabilities (frame, class) of clips without events
    decision : thresholds and median filters, tuned without this fold
    """

    clips: list[str]
    folds: list[str]
    framewise: list[Frames]
    clipwise: Frames
    background: list[Frames]
    decision: Decision


def evaluate_detector(
    folds: Folds,
    background: Callable[[str], npt.NDArray[np.float16]],
    places: Places,
    *,
    batch_clips: int,
    resamples: int,
    confidence: float,
    seed: int,
) -> Metrics:
    """Test a detector, write its scores, counts, metrics and plots; return its metrics.

    Parameters
    ----------
    background : features (clip, frame, bin) in [0, 1] of sound without events, by held-out fold
    """
    scored = []
    for fold, spec, network, clips in folds:
        quiet, decision = background(fold), spec.decision
        assert decision is not None
        late = decision.lookahead
        framewise, clipwise = frame_scores(network, clips.inputs, batch_clips, late)
        of_quiet, _ = frame_scores(network, quiet[:, None], batch_clips, late)
        scored.append(
            FoldScores(
                clips.ids,
                clips.folds,
                list(framewise),
                np.clip(clipwise, 0, 1),  # weights of attention sum to 1 but for rounding
                list(of_quiet),
                decision,
            )
        )
        if len(scored) == 1:  # operations of one fold stand for all: the layers have the same sizes
            counts = count_sounds(network, spec, sounds(spec, clips, quiet))
            figures = model_figures(spec, network, counts[0].layers, folds, per_clip=False)
    write_counts(counts, places.counts / COUNTS)
    write_curves(folds.histories(), places.curves)
    return write_scores(
        scored,
        spec.sound,
        places,
        resamples=resamples,
        confidence=confidence,
        seed=seed,
        figures=figures,
    )


def write_scores(
    scored: Sequence[FoldScores],
    front_end: FrontEnd,
    places: Places,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    figures: Mapping[str, Any] | None = None,
) -> Metrics:
    """Write a detector's scores, metrics and tables, and return the metrics.

    A resample draws recordings, which scenes share (:func:`spikesound.evaluation.bootstrap.draw`).

    Parameters
    ----------
    figures : further figures of the model
    """
    classes = list(places.names)
    events = schema.read_table(places.events, schema.EVENTS)
    features = front_end.features
    assert features.clip_s is not None
    ids = [clip for fold in scored for clip in fold.clips]
    framewise = [frames for fold in scored for frames in fold.framewise]
    clipwise = np.concatenate([fold.clipwise for fold in scored])
    measured = measure(
        dict(zip(ids, framewise, strict=True)),
        events[events["clip_id"].isin(set(ids))],
        dict.fromkeys(ids, features.clip_s),
        classes,
        {clip: fold.decision for fold in scored for clip in fold.clips},
        clip_scores=dict(zip(ids, clipwise, strict=True)),
        hop_s=front_end.hop_s,
        window_s=features.window / features.rate_hz,
    )
    values = resampled(
        measured.weighted_metrics,
        groups_of(
            measured.clip_ids,
            schema.read_table(places.clips, schema.CLIPS),
            schema.read_table(places.mixtures, schema.MIXTURES)
            if places.mixtures.is_file()
            else None,
        ),
        generator=numpy_generator(seed, "detection"),  # the same recordings for every model
        resamples=resamples,
    )
    metrics: Metrics = measured.sizes | with_intervals(values, confidence, nearest=True)
    alarms = _alarms(scored, front_end, classes, confidence)
    total = alarms[alarms["label"] == "all"].iloc[0]
    metrics |= {
        "false_alarms_per_hour": float(total["per_hour"]),
        "false_alarms_per_hour_low": float(total["low"]),
        "false_alarms_per_hour_high": float(total["high"]),
        "background_hours": float(total["hours"]),
    }
    metrics |= dict(figures or {})
    each = alarms.rename(columns={"per_hour": "false_alarms_per_hour"})
    table = measured.classes.merge(each[["label", "false_alarms_per_hour"]], on="label")
    table.insert(0, "name", list(places.names.values()))

    places.predictions.mkdir(parents=True, exist_ok=True)
    frames = np.stack(framewise).astype(np.float16)
    np.savez_compressed(places.predictions / SCORES, x=frames, clips=np.array(ids))
    np.savez_compressed(places.predictions / RESAMPLES, allow_pickle=False, **values)
    write_metrics(metrics, places.metrics)
    write_csv(table.round(6), places.classes)
    folds = [fold for each in scored for fold in each.folds]
    present = _present(events, ids, classes)
    rows = to_frame(ids, folds, classes, clipwise.astype(np.float64), present)
    known = [bool(row.any()) for row in present]
    labelled = {clip for clip, some in zip(ids, known, strict=True) if some}
    rows = rows[rows["clip_id"].isin(labelled)]
    write_confusion(to_matrix(rows, classes, multilabel=True), places.names, places.confusion)
    return metrics


def sounds(spec: Spec, test: Dataset, background: npt.NDArray[np.float16]) -> dict[str, Sound]:
    """Return what power is counted in: frames with events, background alone, digital silence."""
    assert test.active is not None
    rows = np.linspace(0, len(test) - 1, min(COUNTED_CLIPS, len(test))).astype(int)
    return {
        "events": Sound(test.inputs[rows, 0], test.active[rows].any(-1)),
        "background": Sound(background[:COUNTED_CLIPS]),
        "silence": silence(spec.bins, spec.sound.hop_s),
    }


def read_resamples(folder: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Return each metric of a detector over all clips, and then of every resample."""
    return dict(np.load(folder / RESAMPLES))


def _alarms(
    scored: Sequence[FoldScores], front_end: FrontEnd, classes: list[str], confidence: float
) -> pd.DataFrame:
    filtered, decisions = {}, {}
    for number, fold in enumerate(scored):
        for place, frames in enumerate(fold.background):
            filtered[f"{number}-{place}"] = median(frames, fold.decision.medians)
            decisions[f"{number}-{place}"] = fold.decision
    assert front_end.features.clip_s is not None
    seconds = dict.fromkeys(filtered, front_end.features.clip_s)
    events = predict(filtered, seconds, classes, decisions, front_end.hop_s)
    return false_alarms(events, seconds, classes, confidence=confidence)


def _present(
    events: pd.DataFrame, ids: Sequence[str], classes: Sequence[str]
) -> npt.NDArray[np.bool_]:
    row = {clip: number for number, clip in enumerate(ids)}
    column = {label: number for number, label in enumerate(classes)}
    present = np.zeros((len(ids), len(classes)), bool)
    for clip, label in zip(events["clip_id"], events["label"], strict=True):
        if clip in row and label in column:
            present[row[clip], column[label]] = True
    return present
