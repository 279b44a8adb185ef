"""Calibration of a trained classifier on its validation clips."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from spikesound.models.calibration import Calibrated, Calibration, Prototypes, ScoreKind, energy
from spikesound.models.hidden_activity import with_hidden
from spikesound.models.spec import Spec
from spikesound.tasks.classification.temperature import fit_temperature
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset
from spikesound.training.methods.presentations import presented_clips
from spikesound.training.negatives import FOLD

REFUSED = 0.05
"""Share of the validation clips that the threshold refuses, at most."""

SHRINKAGE = 0.3
"""Share by which covariances between synapses are shrunk to zero."""

RIDGE = 0.01
"""Added to the variance of each synapse, over the mean of all variances."""

MOST_CLIPS = 2000
"""Training clips from which means and covariance are taken, evenly."""


def calibrate(
    network: nn.Module,
    spec: Spec,
    training: Dataset,
    validation: Dataset,
    batch_clips: int,
    score: ScoreKind = "distance",
) -> Calibrated | None:
    """Return the calibration of a classifier; None where no validation clip has a class.

    The temperature (:func:`.temperature.fit_temperature`) and the threshold come from the
    validation clips alone: it is the highest score below which at most 5 % of those lie that have a
    class. Means and covariance of the score ``distance`` are those of the training clips, without
    negatives, shrunk and with a ridge. A network whose read-out is not linear gets ``energy``.

    Parameters
    ----------
    network, spec : trained
    training, validation : of the fold
    score : see :class:`spikesound.models.calibration.Calibrated`

    References
    ----------
    Guo et al. 2017 (temperature); Lee et al. 2018 (distance); Liu et al. 2020 (energy);
    Friedman 1989, "Regularized discriminant analysis" (shrinkage).
    """
    labelled = np.flatnonzero(validation.present.any(1))
    if not len(labelled):
        return None
    scores, hidden = activity(network, spec, validation, np.arange(len(validation)), batch_clips)
    present = torch.from_numpy(validation.present)
    temperature = fit_temperature(scores, present, spec.labels)
    prototypes = None
    if hidden is not None and score == "distance":
        rows = _known(training)
        _, seen = activity(network, spec, training, rows, batch_clips)
        assert seen is not None
        prototypes = fit_prototypes(seen, training.present[rows] > 0)
    if prototypes is not None:
        assert hidden is not None
        known = -prototypes.distance(hidden[labelled])
    else:
        known = energy(scores[labelled], spec.labels)
    threshold = lowest_kept(known.numpy(), REFUSED)
    values = Calibration(
        temperature=temperature,
        score="energy" if prototypes is None else "distance",
        threshold=threshold,
        refused=float((known.numpy() < threshold).mean()),
        clips=len(validation),
        classes=len(spec.classes),
    )
    return Calibrated(values, prototypes)


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
    r"""Return means of classes and the precision common to them.

    .. math:: \Sigma_{jk} = \big(1 - s (1 - \delta_{jk})\big) \frac{1}{N} \sum_i
              (h_i - \mu_{c(i)})_j (h_i - \mu_{c(i)})_k + \delta_{jk} \, r \, \bar v

    with shrinkage s, ridge r and the mean variance :math:`\bar v`; a clip of several classes counts
    in each. A class without a clip gets the mean of all.

    Parameters
    ----------
    hidden : activity (clip, synapse)
    present : which classes each clip has (clip, class)
    """
    x = hidden.double()
    rows, columns = (torch.from_numpy(each) for each in np.nonzero(present))
    classes = present.shape[1]
    means = x.mean(0).repeat(classes, 1)
    for column in range(classes):
        if bool((columns == column).any()):
            means[column] = x[rows[columns == column]].mean(0)
    apart = x[rows] - means[columns]
    covariance = apart.T @ apart / len(apart)
    variance = covariance.diagonal().clone()
    covariance *= 1 - SHRINKAGE
    covariance.diagonal().copy_(variance + RIDGE * variance.mean() + torch.finfo(torch.float32).eps)
    made = Prototypes(classes, x.shape[1])
    made.means.copy_(means)
    made.precision.copy_(torch.linalg.inv(covariance))
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
