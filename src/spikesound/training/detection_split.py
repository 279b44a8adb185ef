"""What of the scenes is for training, for validation and for the test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.seeds import derive
from spikesound.params import DetectionParams
from spikesound.training.detection_data import Rows, Scenes


class Split(NamedTuple):
    """Rows of the scenes."""

    training: Rows
    validation: Rows
    test: Rows


def split_scenes(scenes: Scenes, params: DetectionParams, seed: int) -> Split:
    """Divide scenes by folds; where no fold is for validation, a share by recording is.

    Raises
    ------
    SpikesoundError
        If a fold has no clips, or the two are the same, or nothing is left to train on.
    """
    folds = np.array(scenes.folds)
    test_fold, validation_fold = params.test_fold, params.validation_fold
    for key, fold in (("test_fold", test_fold), ("validation_fold", validation_fold)):
        if fold is not None and fold not in folds:
            raise unknown(f"detection.{key}", fold, sorted(set(scenes.folds)))
    if validation_fold == test_fold:
        raise SpikesoundError(
            f"detection.validation_fold: {test_fold!r} is the test fold; weights and thresholds "
            "must not be chosen on it"
        )
    known = np.flatnonzero(folds != test_fold)
    if validation_fold is not None:
        training = known[folds[known] != validation_fold]
        validation = known[folds[known] == validation_fold]
    elif params.source == "scenes":
        raise SpikesoundError(
            "detection.validation_fold: name a fold; scenes of one fold share their recordings"
        )
    else:
        groups = [scenes.groups[row] for row in known]
        draw = GroupShuffleSplit(
            1,
            test_size=params.validation_share,
            random_state=derive(seed, "detection split") % 2**32,
        )
        first, second = next(draw.split(known, groups=groups))
        training, validation = known[first], known[second]
    if not len(training):
        raise SpikesoundError("detection: no clips are left to train on; name other folds")
    return Split(training, validation, np.flatnonzero(folds == test_fold))
