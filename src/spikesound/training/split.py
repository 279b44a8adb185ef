"""Cross-validation: which clips a fold's network is trained, validated and tested on."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.seeds import derive
from spikesound.params import ClassificationParams, DetectionParams
from spikesound.training.dataset import Dataset

Rows = npt.NDArray[np.intp]


def training_parts(
    clips: Dataset, fold: str, params: ClassificationParams | DetectionParams, seed: int
) -> tuple[Dataset, Dataset]:
    """Return the clips to train on and those to validate on; none is of the held-out fold.

    Parameters
    ----------
    fold : held out for testing
    params : of the task: validation on the previous fold, or on a share of the training clips

    Raises
    ------
    SpikesoundError
        If there is no such fold, or too little is left to train or validate on.
    """
    if fold not in clips.folds:
        raise unknown("fold", fold, set(clips.folds))
    known = clips.without(fold)
    if params.validation_fold is None:
        rows = split_validation(known, params.validation_share, seed)
        return known.select(rows[0]), known.select(rows[1])
    previous = previous_fold(fold, clips.folds)
    training, validation = known.without(previous), known.only(previous)
    if not len(training):
        raise SpikesoundError(
            f"validation_fold previous: folds {sorted(set(clips.folds))} leave no clips to train "
            "on; validate on a share (validation_fold: null)"
        )
    return training, validation


def previous_fold(fold: str, folds: list[str]) -> str:
    """Return the fold before a fold, in their order; the last is before the first."""
    order = sorted(set(folds))
    return order[order.index(fold) - 1]


def split_validation(clips: Dataset, share: float, seed: int) -> tuple[Rows, Rows]:
    """Return the rows of clips to train on and those to validate on.

    No recording is on both sides, and the classes keep their proportions as far as the recordings
    allow (scikit-learn's ``StratifiedGroupKFold``, by each clip's first label).

    Parameters
    ----------
    clips : of the training folds; never of the fold held out for testing
    share : of the clips for validation; the nearest 1/k is taken

    Raises
    ------
    SpikesoundError
        If there are too few recordings, or clips of every label, to divide.
    """
    parts = min(
        (math.floor(1 / share), math.ceil(1 / share)), key=lambda count: abs(1 / count - share)
    )
    first_label = clips.present.argmax(1)
    recordings = len(set(clips.groups))
    if recordings < parts:
        raise SpikesoundError(
            f"{recordings} recordings are too few to set aside a validation share of {share:g}; "
            "take a larger share or more recordings"
        )
    if np.bincount(first_label).max() < parts:
        raise SpikesoundError(
            f"no label has the {parts} clips that a validation share of {share:g} needs; take a "
            "larger share or more clips"
        )
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=derive(seed, "split") % 2**32)
    train, validation = next(folds.split(np.zeros(len(clips)), first_label, clips.groups))
    return train, validation
