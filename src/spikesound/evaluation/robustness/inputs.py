"""A fold's held-out clips under a condition, as the fold's network takes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import FEATURE_INDEX, read_table
from spikesound.evaluation.robustness.conditions import UNDISTURBED, Condition
from spikesound.features import normalisation
from spikesound.features.encoded import stored_clips
from spikesound.features.shards import INDEX, Array, Shards
from spikesound.models.spec import Spec
from spikesound.training.dataset import Dataset, label_matrix


@dataclass(frozen=True)
class Inputs:
    """The held-out clips of a network, clean and disturbed.

    Attributes
    ----------
    features : folder of the features
    disturbed : folder of the ``disturb`` stage
    spec : of the network: the fold that it holds out, its front end, encoding and seed
    """

    features: Path
    disturbed: Path
    spec: Spec

    def clips(self, condition: Condition) -> Dataset:
        """Return the clips of the held-out fold under a condition.

        Raises
        ------
        SpikesoundError
            If the fold has no clips, or the condition was not prepared.
        """
        spec, rows = self.spec, self._rows
        front_end, encoding = spec.sound, spec.encoding_section()
        raw = self._clean if condition == UNDISTURBED else self._disturbed(condition)
        values = normalisation.apply(raw, front_end.low, front_end.high)
        ids = list(rows["clip_id"])
        coded = None if encoding is None else (str(spec.encoding), encoding)
        return Dataset(
            ids,
            list(rows["fold"]),
            list(rows["recording"]),
            np.stack(list(stored_clips(values, ids, coded, spec.seed))),
            label_matrix(rows["labels"], spec.classes),
            spec.bins,
            1 if encoding is None else encoding.neurons_per_bin,
        )

    @cached_property
    def _index(self) -> pd.DataFrame:
        return read_table(self.disturbed / INDEX, FEATURE_INDEX)

    @cached_property
    def _rows(self) -> pd.DataFrame:
        rows = self._index[self._index["fold"] == self.spec.fold]
        if rows.empty:
            raise SpikesoundError(
                f"{self.disturbed / INDEX}: fold {self.spec.fold!r} has no clips; "
                "run the disturb stage again"
            )
        return rows

    @cached_property
    def _clean(self) -> Array:
        return Shards(self.features).load(list(self._rows["clip_id"]))

    def _disturbed(self, condition: Condition) -> Array:
        path = self.disturbed / condition.file
        if not path.is_file():
            raise SpikesoundError(f"{path}: no such file; run the disturb stage")
        table: Array = np.load(path, mmap_mode="r")
        expected = len(self._index), *self._clean.shape[1:]
        if table.shape != expected:
            raise SpikesoundError(
                f"{path}: expected shape {expected}, got {table.shape}; run the disturb stage again"
            )
        chosen: Array = table[self._rows.index.to_numpy()]
        return chosen
