"""Dataset of training and evaluation: inputs of clips, their labels, folds and recordings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.core.bitpack import unpack
from spikesound.core.errors import SpikesoundError, choose
from spikesound.core.json_files import read_json
from spikesound.features import normalisation
from spikesound.features.shards import Shards

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Dataset:
    """Clips with their inputs and targets, in memory, as small as they lie on disk.

    Attributes
    ----------
    ids : clip ids, n of them
    folds : the fold of each clip
    groups : the recording of each clip; a group is never divided by a split
    inputs : float (n, step, frame, bin) in [0, 1], or bit-packed spikes, uint8
        (n, step, frame, ceil(bin / 8))
    present : float32 (n, class), 1 where the clip has the label
    active : bool (n, frame, class), whether the class sounds at the frame's middle; None: unknown
    bins : size of the feature axis
    neurons_per_bin : how many neighbours on it stand in place of one bin of the features
    taught : float32 (n, class), a teacher's probabilities (:mod:`.teacher`); None: no teacher
    """

    ids: list[str]
    folds: list[str]
    groups: list[str]
    inputs: npt.NDArray[Any]
    present: Floats
    bins: int
    neurons_per_bin: int = 1
    active: npt.NDArray[np.bool_] | None = None
    taught: Floats | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def spikes(self) -> bool:
        """Whether the inputs are spikes, packed, and not values."""
        return self.inputs.dtype == np.uint8

    def without(self, fold: str) -> Dataset:
        """Return the clips of all folds but this one: what may be trained on."""
        return self.select(np.flatnonzero(np.array(self.folds) != fold))

    def only(self, fold: str) -> Dataset:
        """Return the clips of this fold: what is tested on."""
        return self.select(np.flatnonzero(np.array(self.folds) == fold))

    def select(self, rows: Rows) -> Dataset:
        """Return the clips of the given rows."""
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            folds=[self.folds[row] for row in rows],
            groups=[self.groups[row] for row in rows],
            inputs=self.inputs[rows],
            present=self.present[rows],
            active=None if self.active is None else self.active[rows],
            taught=None if self.taught is None else self.taught[rows],
        )

    def batch(self, rows: Rows) -> Floats:
        """Return the inputs of the given rows as float32 (row, step, frame, bin)."""
        packed = self.inputs[rows]
        values = unpack(packed, self.bins) if self.spikes else packed
        return values.astype(np.float32)

    def labels(self, rows: Rows) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
        """Return which labels the clips have (row, class), and in which frames."""
        return self.present[rows], None if self.active is None else self.active[rows]

    def decoded(self, step_values: Sequence[float]) -> Dataset:
        """Return the clips as values: at each place the decoding weights of its spikes in sum.

        The inputs become float16 (n, 1, frame, bin). Values of direct coding stay as they are.
        """
        if not self.spikes:
            return self
        weights = np.asarray(step_values, np.float32)
        parts = [
            np.tensordot(weights, unpack(packed, self.bins).astype(np.float32), 1)
            for packed in self.inputs
        ]
        return replace(self, inputs=np.stack(parts)[:, None].astype(np.float16))


def load_features(folder: Path, classes: Sequence[str], fold: str) -> Dataset:
    """Return the clips of feature shards, normalised with the ranges of the other folds' clips."""
    shards = Shards(folder)
    low, high = normalisation.load(folder / "normalisation.json", fold)
    values = normalisation.apply(shards.load(), low, high).astype(np.float16)
    return _dataset(shards, values[:, None], classes, bins=values.shape[-1])


def load_spikes(folder: Path, classes: Sequence[str]) -> tuple[Dataset, dict[str, Any]]:
    """Return the clips of one fold's spike shards, and the shards' ``spec.json``."""
    shards = Shards(folder)
    spec: dict[str, Any] = read_json(folder / "spec.json")
    clips = _dataset(shards, shards.load(), classes, bins=spec["bins"])
    return replace(clips, neurons_per_bin=spec["neurons_per_bin"]), spec


def with_events(
    clips: Dataset, events: pd.DataFrame, classes: Sequence[str], hop_s: float
) -> Dataset:
    """Return the clips with the frames in which each class sounds.

    Raises
    ------
    SpikesoundError
        If no clip has an event, or one has labels and no events: its labels are weak only.
    """
    known = events[events["clip_id"].isin(set(clips.ids))]
    if known.empty:
        raise SpikesoundError(
            "no clip has strong labels (events): detection needs a source that has them"
        )
    with_events = set(known["clip_id"])
    weak = [
        clip
        for clip, labelled in zip(
            clips.ids, [bool(row.any()) for row in clips.present], strict=True
        )
        if labelled and clip not in with_events
    ]
    if weak:
        raise SpikesoundError(
            f"clip {weak[0]!r} has labels but no events ({len(weak)} such clips): all clips of "
            "detection's source need strong labels"
        )
    active = frame_targets(known, clips.ids, classes, clips.inputs.shape[2], hop_s)
    return replace(clips, active=active)


def label_matrix(labels: Iterable[Iterable[str]], classes: Sequence[str]) -> Floats:
    """Return which of the classes each clip has, float32 (clip, class), 1 or 0.

    Raises
    ------
    SpikesoundError
        If a clip has a label that is no class.
    """
    column = {label: number for number, label in enumerate(classes)}
    rows = [
        [choose(column, label, f"label (clip {number} of the index)") for label in each]
        for number, each in enumerate(labels)
    ]
    present = np.zeros((len(rows), len(classes)), np.float32)
    for row, columns in enumerate(rows):
        present[row, columns] = 1.0
    return present


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


def _dataset(
    shards: Shards, inputs: npt.NDArray[Any], classes: Sequence[str], *, bins: int
) -> Dataset:
    index = shards.index
    return Dataset(
        list(index["clip_id"]),
        list(index["fold"]),
        list(index["recording"]),
        inputs,
        label_matrix(index["labels"], classes),
        bins,
    )
