"""What a network is given: features of a condition, normalised and encoded for one fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from spikesound.core.bitpack import pack
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import FEATURE_INDEX, read_table
from spikesound.core.seeds import derive
from spikesound.evaluation.robustness.conditions import UNDISTURBED, Condition
from spikesound.features import normalisation
from spikesound.features.shards import INDEX, Array, Shards
from spikesound.snn.encoding import ENCODERS
from spikesound.training.data import Clips

PLAIN = "features"
"""The encoding of a conventional network: none."""


@dataclass(frozen=True)
class Inputs:
    """The clips of all folds, clean and disturbed, as one kind of model reads them.

    Attributes
    ----------
    features : folder of the features, with their normalisation
    disturbed : folder of the ``disturb`` stage
    classes : label ids in class order
    name, params : the encoding and its section of params.yaml; ``features`` and None for values
    seed : of the encoding; draws depend on (seed, clip id) alone, as in ``encode``
    """

    features: Path
    disturbed: Path
    classes: Sequence[str]
    name: str
    params: Any
    seed: int

    @cached_property
    def index(self) -> pd.DataFrame:
        """The clips, in the order of the arrays."""
        shards = Shards(self.features)
        told = read_table(self.disturbed / INDEX, FEATURE_INDEX)
        if list(told["clip_id"]) != list(shards.index["clip_id"]):
            raise SpikesoundError(
                f"{self.disturbed / INDEX}: other clips than in {self.features}; "
                "run the disturb stage again"
            )
        return shards.index

    @cached_property
    def _clean(self) -> Array:
        return Shards(self.features).load()

    def clips(self, condition: Condition, fold: str) -> Clips:
        """Return the clips of a fold under a condition, prepared for the network that has not
        heard it.

        Raises
        ------
        SpikesoundError
            If the fold has no clips, or the condition was not prepared.
        """
        rows = np.flatnonzero(self.index["fold"] == fold)
        if not len(rows):
            raise SpikesoundError(f"folds: fold {fold!r} has no clips")
        low, high = normalisation.load(self.features / "normalisation.json", fold)
        values = normalisation.apply(self._values(condition)[rows], low, high)
        here = self.index.iloc[rows]
        inputs, bins = self._encoded(values, list(here["clip_id"]))
        column = {label: number for number, label in enumerate(self.classes)}
        targets = np.zeros((len(rows), len(column)), np.float32)
        for row, labels in enumerate(here["labels"]):
            targets[row, [column[label] for label in labels]] = 1.0
        groups = list(here["recording"])
        return Clips(
            list(here["clip_id"]), [fold] * len(rows), groups, inputs, targets, bins,
            bins // values.shape[-1],
        )  # fmt: skip

    def _values(self, condition: Condition) -> Array:
        if condition == UNDISTURBED:
            return self._clean
        path = self.disturbed / condition.file
        if not path.is_file():
            raise SpikesoundError(f"{path}: no such file; run the disturb stage")
        table: Array = np.load(path, mmap_mode="r")
        if table.shape != self._clean.shape:
            raise SpikesoundError(
                f"{path}: shape {table.shape}, of the features {self._clean.shape}; "
                "run the disturb stage again"
            )
        return table

    def _encoded(self, values: Array, clip_ids: Sequence[str]) -> tuple[Array, int]:
        """Return the inputs ``(clip, step, frame, ...)`` and the number of their bins."""
        if self.name == PLAIN:
            return values.astype(np.float16)[:, None], values.shape[-1]
        encoder = ENCODERS[self.name]
        parts = []
        for clip_id, x in zip(clip_ids, values, strict=True):
            generator = torch.Generator().manual_seed(derive(self.seed, "encode", clip_id))
            parts.append(encoder(torch.from_numpy(x), self.params, generator).numpy())
        coded = np.stack(parts)
        spikes = coded.dtype == np.bool_
        return pack(coded) if spikes else coded.astype(np.float16), coded.shape[-1]
