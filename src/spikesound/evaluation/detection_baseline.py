"""The least that a detector must beat: a logistic regression on each frame's mel energies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from spikesound.training.detection_data import Scenes

MODEL = "baseline-mel"

EVERY = 4
"""One frame of so many is fitted to: its neighbours tell nearly the same."""

Scores = list[npt.NDArray[np.float32]]


def fit(training: Scenes) -> list[LogisticRegression | None]:
    """Fit a logistic regression per class to single frames, by their strong labels.

    .. math:: p_{t,c} = \\sigma(w_c \\cdot x_t + b_c)

    It hears no other frame: what it has of time is the median filter behind it.

    Returns
    -------
    One per class; None: it sounds in no frame that is fitted to, or in all.
    """
    frames = training.inputs[:, ::EVERY].reshape(-1, training.inputs.shape[-1]).astype(np.float32)
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
    found = np.stack(columns, -1).reshape(*inputs.shape[:2], -1).astype(np.float32)
    return list(found)


def clip_scores(framewise: Scores) -> npt.NDArray[np.float32]:
    """Return each clip's probabilities (clip, class) by linear softmax over its frames."""
    frames = np.stack(framewise)
    pooled: npt.NDArray[np.float32] = (frames**2).sum(1) / np.maximum(frames.sum(1), 1e-7)
    return pooled
