"""From a detection run's folders to what the page shows of its clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.detection import SCORES
from spikesound.evaluation.manifest import clip_counts, manifest_hash
from spikesound.evaluation.summary import Metrics
from spikesound.features.front_end import FrontEnd
from spikesound.features.shards import Shards
from spikesound.models import file
from spikesound.models.spec import Decision
from spikesound.report.inputs import Detection
from spikesound.tasks.detection.decision import Event, events
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics.events import count_events
from spikesound.tasks.detection.metrics.truth import true_events


@dataclass(frozen=True)
class Detected:
    """Outputs of the models shown for every held-out clip.

    Attributes
    ----------
    truth : true sound events by clip
    detections : by model, then by clip
    """

    truth: Mapping[str, Sequence[Event]]
    detections: Mapping[str, Mapping[str, Detection]]


def with_dataset(
    summary: Mapping[str, Metrics], predictions: Path, status: pd.DataFrame, confidence: float
) -> dict[str, Metrics]:
    """Return a summary of detection with the entry ``dataset``, as classification's has it.

    Parameters
    ----------
    predictions : folder with scores.npz in a folder for each model
    status : table STATUS of the clips
    confidence : of the intervals

    Raises
    ------
    SpikesoundError
        If two models were scored on different clips, or a clip is not in the status table.
    """
    clips = {name: scored_clips(predictions / name) for name in summary}
    first = next(iter(clips))
    for name, scored in clips.items():
        if sorted(scored) != sorted(clips[first]):
            raise SpikesoundError(
                f"predictions of {name} and of {first} are of different clips (dvc repro)"
            )
    counts = clip_counts(status)
    dataset: Metrics = {
        "clips_asked": counts["asked"],
        "clips_present": counts["present"],
        "clips_scored": len(clips[first]),
        "confidence": confidence,
        "manifest": manifest_hash(clips[first], status),
    }
    return {**summary, "dataset": dataset}


def scored_clips(folder: Path) -> list[str]:
    """Return the ids of the clips that a detector was scored on."""
    return [str(clip) for clip in _scores(folder)["clips"]]


def detect(
    predictions: Mapping[str, Path],
    networks: Mapping[str, Mapping[str, Path]],
    features: Path,
    truth: pd.DataFrame,
    labels: Sequence[str],
    front_end: FrontEnd,
) -> Detected:
    """Return the true events of the held-out clips and those of each model.

    Parameters
    ----------
    predictions : folder of scores.npz, by model
    networks : by model, for each held-out fold the folder of its network, which has the decision
        rule that was tuned without the fold
    features : folder of the features, whose index knows each clip's fold
    truth : table EVENTS
    labels : label ids in class order
    front_end : of the features; any fold's
    """
    hop_s, clip_s = front_end.hop_s, front_end.features.clip_s
    assert clip_s is not None
    folds = Shards(features).index.set_index("clip_id")["fold"]
    detections: dict[str, dict[str, Detection]] = {}
    for model, folder in predictions.items():
        scores = _scores(folder)
        decisions = {fold: _decision(path) for fold, path in networks[model].items()}
        detections[model] = {}
        for clip, frames in zip(map(str, scores["clips"]), scores["x"], strict=True):
            decision = decisions[str(folds[clip])]
            filtered = median(frames.astype(np.float32), decision.medians)
            predicted = events(
                filtered, decision.thresholds, labels=labels, hop_s=hop_s, seconds=clip_s
            )
            detections[model][clip] = Detection(frames, predicted)
    seconds = {clip: clip_s for of_model in detections.values() for clip in of_model}
    known = truth[truth["clip_id"].isin(set(seconds))]
    return Detected(true_events(known, seconds, labels), detections)


def choose_examples(detected: Detected, labels: Sequence[str], most: int = 6) -> list[str]:
    """Return ids of clips: those that one model does much better than the other, and usual ones.

    By the event F1 of each clip. Of two models a third of the clips are those where the first is
    ahead of the second by most, a third those where it is the other way round; the rest are the
    ones whose mean F1 is nearest to the median of all clips. Of equals those with more true
    events come first, then by id. Of one model all are of the last kind.
    """
    clips = sorted(clip for clip, events_ in detected.truth.items() if events_)
    if not clips:
        return []
    models = detected.detections.values()
    f1 = np.stack([_clip_f1(of_model, detected.truth, clips, labels) for of_model in models])
    counts = np.array([len(detected.truth[clip]) for clip in clips])
    usual = -np.abs(f1.mean(0) - np.median(f1.mean(0)))
    gaps = [f1[0] - f1[1], f1[1] - f1[0]] if len(f1) > 1 else []
    wanted = [*((gap, most // 3) for gap in gaps), (usual, most)]
    chosen: list[str] = []
    for value, number in wanted:
        order = np.lexsort((np.arange(len(clips)), -counts, -value))
        left = [clips[row] for row in order if clips[row] not in chosen]
        chosen += left[: min(number, most - len(chosen))]
    return chosen


def _clip_f1(
    of_model: Mapping[str, Detection],
    truth: Mapping[str, Sequence[Event]],
    clips: Sequence[str],
    labels: Sequence[str],
) -> NDArray[np.float64]:
    predicted = {clip: of_model[clip].events for clip in clips}
    counts = count_events(predicted, {clip: truth[clip] for clip in clips}, clips, labels)
    tp, fp, fn = (part.sum(1) for part in counts)
    f1: NDArray[np.float64] = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    return f1


def _decision(folder: Path) -> Decision:
    decision = file.load_spec(folder / file.WEIGHTS).decision
    if decision is None:
        raise SpikesoundError(f"{folder}: a detector without tuned thresholds; run dvc repro")
    return decision


def _scores(folder: Path) -> Any:
    path = folder / SCORES
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; evaluate the model (dvc repro)")
    return np.load(path)
