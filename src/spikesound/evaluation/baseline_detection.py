"""Baseline of detection: logistic regression on each frame's mel energies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from spikesound.evaluation.detection import FoldScores
from spikesound.features.front_end import read_front_end
from spikesound.params import DetectionParams
from spikesound.tasks.detection.metrics.truth import true_events
from spikesound.tasks.detection.tuning import choose_decision
from spikesound.training.dataset import Dataset, load_features, with_events
from spikesound.training.split import training_parts

MODEL = "baseline-mel"

EVERY = 4
"""One frame in this number is used for fitting: its neighbours are nearly the same."""

Scores = list[npt.NDArray[np.float32]]


def fit(training: Dataset) -> list[LogisticRegression | None]:
    """Fit a logistic regression per class to single frames, by their strong labels.

    .. math:: p_{t,c} = \\sigma(w_c \\cdot x_t + b_c)

    Its input is one frame: time enters by the median filter behind it alone.

    Returns
    -------
    One per class; None: it sounds in no frame that is fitted to, or in all.
    """
    assert training.active is not None
    inputs = training.inputs[:, 0]
    frames = inputs[:, ::EVERY].reshape(-1, inputs.shape[-1]).astype(np.float32)
    active = training.active[:, ::EVERY].reshape(len(frames), -1)
    return [
        LogisticRegression(max_iter=200).fit(frames, each) if 0 < each.mean() < 1 else None
        for each in active.T
    ]


def frame_scores(fitted: list[LogisticRegression | None], inputs: npt.NDArray[Any]) -> Scores:
    """Return each clip's probabilities (frame, class), of inputs (clip, frame, bin).

    Of a class that was not fitted it is 0.
    """
    frames = inputs.reshape(-1, inputs.shape[-1]).astype(np.float32)
    columns = [
        np.zeros(len(frames)) if each is None else each.predict_proba(frames)[:, 1]
        for each in fitted
    ]
    scores = np.stack(columns, -1).reshape(*inputs.shape[:2], -1).astype(np.float32)
    return list(scores)


def clip_scores(framewise: Scores) -> npt.NDArray[np.float32]:
    """Return each clip's probabilities (clip, class) by linear softmax over its frames."""
    frames = np.stack(framewise)
    pooled: npt.NDArray[np.float32] = (frames**2).sum(1) / np.maximum(frames.sum(1), 1e-7)
    return pooled


def score_fold(
    features: Path,
    fold: str,
    events: pd.DataFrame,
    classes: Sequence[str],
    background: npt.NDArray[np.float16],
    params: DetectionParams,
    seed: int,
) -> FoldScores:
    """Return the baseline's scores of a fold's clips, fitted and tuned without them.

    Parameters
    ----------
    features : folder of the feature shards
    background : features (clip, frame, bin) in [0, 1] of sound without events
    """
    front_end = read_front_end(features, fold)
    clips = with_events(load_features(features, classes, fold), events, classes, front_end.hop_s)
    training, validation = training_parts(clips, fold, params, seed)
    test = clips.only(fold)
    fitted = fit(training)
    lengths = dict.fromkeys(validation.ids, front_end.features.clip_s or 0.0)
    decision, _ = choose_decision(
        dict(zip(validation.ids, frame_scores(fitted, validation.inputs[:, 0]), strict=True)),
        true_events(events[events["clip_id"].isin(lengths)], lengths, classes),
        lengths,
        classes,
        hop_s=front_end.hop_s,
        medians_s=params.decision.medians_s,
        thresholds=params.decision.thresholds,
    )
    framewise = frame_scores(fitted, test.inputs[:, 0])
    return FoldScores(
        test.ids,
        test.folds,
        list(framewise),
        clip_scores(framewise),
        list(frame_scores(fitted, background)),
        decision,
    )
