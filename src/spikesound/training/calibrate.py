"""Calibration of a trained classifier on its validation clips."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from spikesound.models.calibration import Calibrated, Calibration, Prototypes, ScoreKind
from spikesound.models.hidden_activity import with_hidden
from spikesound.models.spec import Spec
from spikesound.tasks.classification.temperature import fit_temperature
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset
from spikesound.training.methods.presentations import presented_clips
from spikesound.training.negatives import FOLD

REFUSED = 0.05
"""Share of the validation clips that the threshold refuses, at most."""

MOST_CLIPS = 2000
"""Training clips from which means are taken, evenly."""


def calibrate(
    network: nn.Module,
    spec: Spec,
    training: Dataset,
    validation: Dataset,
    batch_clips: int,
    score: ScoreKind = "cosine",
) -> Calibrated | None:
    """Return the calibration of a classifier; None where no validation clip has a class.

    The temperature (:func:`.temperature.fit_temperature`) and the threshold come from the
    validation clips alone: it is the highest score below which at most 5 % of those lie that have a
    class. Means of the score ``cosine`` are those of the training clips, without negatives. A
    network whose read-out is not linear gets ``energy``.

    Parameters
    ----------
    network, spec : trained
    training, validation : of the fold
    score : see :meth:`spikesound.models.calibration.Calibrated.score`
    """
    labelled = np.flatnonzero(validation.present.any(1))
    if not len(labelled):
        return None
    scores, hidden = activity(network, spec, validation, np.arange(len(validation)), batch_clips)
    present = torch.from_numpy(validation.present)
    prototypes = None
    if hidden is not None and score == "cosine":
        rows = _known(training)
        _, seen = activity(network, spec, training, rows, batch_clips)
        assert seen is not None
        prototypes = fit_prototypes(seen, training.present[rows] > 0)
    values = Calibration(
        temperature=fit_temperature(scores, present, spec.labels),
        score="energy" if prototypes is None else "cosine",
        threshold=0.0,
        refused=0.0,
        clips=len(validation),
        classes=len(spec.classes),
    )
    seen = None if hidden is None else hidden[labelled]
    known = Calibrated(values, prototypes).score(scores[labelled], seen, spec.labels).numpy()
    threshold = lowest_kept(known, REFUSED)
    refused = float((known < threshold).mean())
    changes = {"threshold": threshold, "refused": refused}
    return Calibrated(values.model_copy(update=changes), prototypes)


def activity(
    network: nn.Module, spec: Spec, clips: Dataset, rows: np.ndarray, batch_clips: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return class scores (row, class) and activity of the last hidden layer (row, synapse)."""
    network.eval()
    clips = presented_clips(clips, spec)
    device = next(network.parameters()).device
    scores, hidden = [], []
    with torch.inference_mode():
        for start in range(0, len(rows), batch_clips):
            x = batched(clips.batch(rows[start : start + batch_clips]), frames=False)
            found, seen = with_hidden(network, x.to(device))
            scores.append(found.float().cpu())
            hidden.append(None if seen is None else seen.float().cpu())
    every = [each for each in hidden if each is not None]
    return torch.cat(scores), torch.cat(every) if len(every) == len(hidden) else None


def fit_prototypes(hidden: torch.Tensor, present: np.ndarray) -> Prototypes:
    """Return the mean activity of each class; of one without a clip the mean of all.

    Parameters
    ----------
    hidden : activity (clip, synapse)
    present : which classes each clip has (clip, class); a clip of several counts in each
    """
    made = Prototypes(present.shape[1], hidden.shape[1])
    for column, rows in enumerate(present.T):
        of_class = hidden[torch.from_numpy(rows)] if rows.any() else hidden
        made.means[column] = of_class.double().mean(0)
    return made


def lowest_kept(known: np.ndarray, refused: float) -> float:
    """Return the highest threshold below which at most a share of the scores lies (clip,)."""
    ordered = np.sort(np.asarray(known, np.float64))
    return float(ordered[math.floor(refused * len(ordered))])


def _known(training: Dataset) -> np.ndarray:
    """Return the rows of training clips that have a class, evenly at most :data:`MOST_CLIPS`."""
    known = np.array([fold != FOLD for fold in training.folds]) & training.present.any(1)
    rows = np.flatnonzero(known)
    return rows[:: -(-len(rows) // MOST_CLIPS)]
