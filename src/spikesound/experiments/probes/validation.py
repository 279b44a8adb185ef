"""Probe of choices: accuracy and loss on each fold's validation clips, which no test clip is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spikesound.evaluation.folds import Folds
from spikesound.experiments.inputs import validation_clips
from spikesound.experiments.row import Row
from spikesound.tasks import task_of
from spikesound.training.scores import clip_scores


def validation(row: Row, folds: Folds) -> list[dict[str, Any]]:
    """Return ``accuracy``, ``loss`` and number of ``clips`` of all folds' validation clips.

    Each network is scored on the clips that it was validated on; with a recipe of ``clips: known``
    it was trained on them, and the figures choose nothing.
    """
    scores, present = [], []
    for fold, spec, network, _ in folds:
        clips = validation_clips(row, fold, spec)
        scores.append(clip_scores(network, clips, row.params.evaluate.batch_clips))
        present.append(clips.present)
        task = task_of(spec, row.params.tasks.classification)
    outputs = [torch.from_numpy(np.concatenate(scores))]
    figures = task.validation(outputs, [task.targets(np.concatenate(present), None)])
    return [
        {
            "clips": len(outputs[0]),
            **{
                name.removeprefix("validation_"): round(value, 4) for name, value in figures.items()
            },
        }
    ]
