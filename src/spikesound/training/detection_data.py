"""What a detector is trained and tested on: features of clips, and when which class sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.features import normalisation
from spikesound.features.shards import Shards

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Scenes:
    """Clips with features and strong labels.

    Attributes
    ----------
    ids, folds, groups : of each clip; a group (a recording) is never divided by a split
    inputs : float16 (n, frame, bin) in [0, 1]
    active : bool (n, frame, class), whether the class sounds at the frame's middle
    present : bool (n, class), whether the clip has the label
    """

    ids: list[str]
    folds: list[str]
    groups: list[str]
    inputs: npt.NDArray[np.float16]
    active: npt.NDArray[np.bool_]
    present: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Rows) -> Scenes:
        """Return the clips of the given rows."""
        return Scenes(
            [self.ids[row] for row in rows],
            [self.folds[row] for row in rows],
            [self.groups[row] for row in rows],
            self.inputs[rows],
            self.active[rows],
            self.present[rows],
        )

    def of_fold(self, fold: str) -> Rows:
        """Return the rows of a fold."""
        return np.flatnonzero(np.array(self.folds) == fold)


def load_scenes(
    folder: Path, events: pd.DataFrame, classes: Sequence[str], test_fold: str, hop_s: float
) -> Scenes:
    """Load feature shards, normalised by the other folds' clips, and lay the events over frames.

    Raises
    ------
    SpikesoundError
        If no clip has an event, or one has labels and none: the labels are weak only.
    """
    shards = Shards(folder)
    low, high = normalisation.load(folder / "normalisation.json", test_fold)
    inputs = normalisation.apply(shards.load(), low, high).astype(np.float16)
    ids = list(shards.index["clip_id"])
    known = events[events["clip_id"].isin(set(ids))]
    if known.empty:
        raise SpikesoundError(
            f"{folder}: no clip has strong labels (events): detection needs a source that has them"
        )
    present = np.zeros((len(ids), len(classes)), bool)
    column = {label: number for number, label in enumerate(classes)}
    for row, labels in enumerate(shards.index["labels"]):
        present[row, [column[label] for label in labels if label in column]] = True
    told = set(known["clip_id"])
    weak = [
        clip
        for clip, labels in zip(ids, shards.index["labels"], strict=True)
        if clip not in told and any(label in column for label in labels)
    ]
    if weak:
        raise SpikesoundError(
            f"{folder}: clip {weak[0]!r} has labels but no events ({len(weak)} such clips): all "
            "clips of detection's source need strong labels"
        )
    active = frame_targets(known, ids, classes, inputs.shape[1], hop_s)
    return Scenes(
        ids, list(shards.index["fold"]), list(shards.index["recording"]), inputs, active, present
    )


def frame_targets(
    events: pd.DataFrame, ids: Sequence[str], classes: Sequence[str], frames: int, hop_s: float
) -> npt.NDArray[np.bool_]:
    """Return whether each class sounds in the middle of each frame, (clip, frame, class).

    Frame i has its middle at ``i hop_s``; an event sounds from its onset until before its offset.
    """
    row = {clip: number for number, clip in enumerate(ids)}
    column = {label: number for number, label in enumerate(classes)}
    active = np.zeros((len(ids), frames, len(classes)), bool)
    for clip, label, onset_s, offset_s in zip(
        events["clip_id"], events["label"], events["onset_s"], events["offset_s"], strict=True
    ):
        if label in column:
            first, end = np.ceil(onset_s / hop_s), np.ceil(offset_s / hop_s)
            active[row[clip], int(first) : int(end), column[label]] = True
    return active
