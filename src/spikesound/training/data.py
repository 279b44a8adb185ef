"""What training and evaluation read: inputs in memory, as small as they lie on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.bitpack import unpack
from spikesound.features import normalisation
from spikesound.features.shards import Shards

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Clips:
    """Clips with their inputs and targets.

    Attributes
    ----------
    ids : clip ids, n of them
    folds : the fold of each clip
    groups : the recording each clip comes from; a group is never divided by a split
    inputs : float (n, step, frame, bin) in [0, 1], or bit-packed spikes, uint8
        (n, step, frame, ceil(bin / 8))
    targets : float32 (n, class), 1 where the clip has the label
    bins : size of the feature axis
    neurons_per_bin : how many neighbours on it stand for one bin of the features
    """

    ids: list[str]
    folds: list[str]
    groups: list[str]
    inputs: npt.NDArray[Any]
    targets: Floats
    bins: int
    neurons_per_bin: int = 1

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def spikes(self) -> bool:
        """Whether the inputs are spikes, packed, and not values."""
        return self.inputs.dtype == np.uint8

    def without(self, fold: str) -> Clips:
        """Return the clips of all folds but this one: what may be trained on."""
        return self.select(np.flatnonzero(np.array(self.folds) != fold))

    def only(self, fold: str) -> Clips:
        """Return the clips of this fold: what is tested on."""
        return self.select(np.flatnonzero(np.array(self.folds) == fold))

    def select(self, rows: npt.NDArray[np.intp]) -> Clips:
        """Return the clips of the given rows."""
        return Clips(
            [self.ids[row] for row in rows],
            [self.folds[row] for row in rows],
            [self.groups[row] for row in rows],
            self.inputs[rows],
            self.targets[rows],
            self.bins,
            self.neurons_per_bin,
        )

    def batch(self, rows: npt.NDArray[np.intp]) -> Floats:
        """Return the inputs of the given rows as float32 (row, step, frame, bin)."""
        packed = self.inputs[rows]
        values = unpack(packed, self.bins) if self.spikes else packed
        return values.astype(np.float32)

    def decoded(self, step_values: Sequence[float]) -> Clips:
        """Return the clips as values: at each place the sum of what its spikes are worth.

        The inputs become float16 (n, 1, frame, bin). Values of direct coding stay as they are.
        """
        if not self.spikes:
            return self
        worth = np.asarray(step_values, np.float32)
        parts = [
            np.tensordot(worth, unpack(packed, self.bins).astype(np.float32), 1)
            for packed in self.inputs
        ]
        return replace(self, inputs=np.stack(parts)[:, None].astype(np.float16))


def load_features(folder: Path, classes: Sequence[str], fold: str) -> Clips:
    """Load feature shards, normalised by the figures of the other folds' clips."""
    shards = Shards(folder)
    low, high = normalisation.load(folder / "normalisation.json", fold)
    values = normalisation.apply(shards.load(), low, high).astype(np.float16)
    return _clips(shards, values[:, None], classes, bins=values.shape[-1])


def load_spikes(folder: Path, classes: Sequence[str]) -> tuple[Clips, dict[str, Any]]:
    """Load the shards of one fold's encoding, and their spec (encoding, steps, bins)."""
    shards = Shards(folder)
    spec: dict[str, Any] = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
    clips = _clips(shards, shards.load(), classes, bins=spec["bins"])
    return replace(clips, neurons_per_bin=spec["neurons_per_bin"]), spec


def _clips(shards: Shards, inputs: npt.NDArray[Any], classes: Sequence[str], *, bins: int) -> Clips:
    index = shards.index
    column = {label: number for number, label in enumerate(classes)}
    targets = np.zeros((len(index), len(classes)), np.float32)
    for row, labels in enumerate(index["labels"]):
        targets[row, [column[label] for label in labels]] = 1.0
    return Clips(
        list(index["clip_id"]), list(index["fold"]), list(index["recording"]), inputs, targets, bins
    )
