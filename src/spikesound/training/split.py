"""The validation part of the training folds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive
from spikesound.training.data import Clips

Rows = npt.NDArray[np.intp]


def split_validation(clips: Clips, share: float, seed: int) -> tuple[Rows, Rows]:
    """Divide clips into rows to train on and rows to validate on.

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
    first_label = clips.targets.argmax(1)
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
