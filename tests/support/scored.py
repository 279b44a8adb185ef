"""Predictions and status tables that the tests of the evaluation start from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.evaluation.predictions import to_frame, to_matrix
from spikesound.tasks.classification.scores import ScoreMatrix

Array = NDArray[np.float64]


def random_matrix(
    clips: int, labels: int, seed: int, *, skill: float = 0.5, several: bool = False
) -> ScoreMatrix:
    """Return scores that favour the true labels, rounded so that many are equal."""
    generator = np.random.default_rng(seed)
    targets = np.eye(labels, dtype=bool)[generator.integers(labels, size=clips)]
    if several:
        targets |= generator.random((clips, labels)) < 0.2
    scores = np.clip(generator.random((clips, labels)) + skill * targets, 0, 1).round(1)
    return matrix(scores, targets)


def matrix(scores: object, targets: object) -> ScoreMatrix:
    """Return the matrix of scores and targets given as nested lists or arrays."""
    return to_matrix(frame(scores, targets))


def frame(scores: object, targets: object, folds: Sequence[str] = ("1",)) -> pd.DataFrame:
    """Return the PREDICTIONS table of scores and targets; folds are dealt out in turn."""
    values = np.asarray(scores, dtype=np.float64)
    clips, labels = values.shape
    return to_frame(
        [f"clip{i:04d}" for i in range(clips)],
        [folds[i % len(folds)] for i in range(clips)],
        [f"/m/{i}" for i in range(labels)],
        values,
        np.asarray(targets, dtype=bool),
    )


def status(clips: int, *, absent: int = 0) -> pd.DataFrame:
    """Return a STATUS table: the clips of :func:`frame`, and some that could not be had."""
    present = [f"clip{i:04d}" for i in range(clips)]
    return pd.DataFrame(
        {
            "clip_id": present + [f"absent{i}" for i in range(absent)],
            "state": ["ok"] * clips + ["unavailable"] * absent,
            "reason": [""] * clips + ["removed"] * absent,
            "attempts": 1,
            "seconds": 5.0,
            "bytes": 1000,
            "sha256": [f"{i:064x}" for i in range(clips)] + [""] * absent,
            "path": "shard-00000.parquet",
        }
    )
