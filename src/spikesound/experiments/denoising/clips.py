"""Clips in noise, with what their clean levels are above the noisy ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import FEATURE_INDEX, read_table
from spikesound.evaluation.robustness.conditions import Condition
from spikesound.features import normalisation
from spikesound.features.front_end import FrontEnd
from spikesound.features.shards import INDEX, Shards
from spikesound.training.dataset import Dataset, label_matrix

Levels = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Noisy:
    """Clips of the data under each condition, one condition after the other.

    Attributes
    ----------
    index : table FEATURE_INDEX of the clips, once
    conditions : noises and SNRs
    clean : levels of the clips, dB (clip, frame, bin)
    noisy : levels under the conditions, dB (condition, clip, frame, bin)
    """

    index: pd.DataFrame
    conditions: list[Condition]
    clean: Levels
    noisy: Levels

    @property
    def condition_of(self) -> list[Condition]:
        """Condition of each row of :meth:`dataset`."""
        return [condition for condition in self.conditions for _ in range(len(self.index))]

    def dataset(self, front_end: FrontEnd, classes: Sequence[str]) -> Dataset:
        """Return the noisy clips as inputs, in [0, 1], and in ``active`` the corrections.

        A correction (clip, frame, bin) is the clean level less the noisy one, both in [0, 1] of the
        range of levels that the front end was fitted to without the held-out fold.
        """
        count, low, high = len(self.conditions), front_end.low, front_end.high
        noisy = normalisation.apply(self.noisy, low, high).reshape(-1, *self.clean.shape[1:])
        clean = np.tile(normalisation.apply(self.clean, low, high), (count, 1, 1))
        rows = self.index
        ids = [f"{clip}+{c.name}_{c.level:g}" for c in self.conditions for clip in rows["clip_id"]]
        corrections: Any = (clean - noisy).astype(np.float16)
        return Dataset(
            ids,
            list(rows["fold"]) * count,
            list(rows["recording"]) * count,
            noisy[:, None].astype(np.float16),
            np.tile(label_matrix(rows["labels"], classes), (count, 1)),
            noisy.shape[-1],
            active=corrections,
        )


def read_noisy(features: Path, disturbed: Path, conditions: Sequence[Condition]) -> Noisy:
    """Read clips and what the stage ``disturb`` made of them.

    Raises
    ------
    SpikesoundError
        If a condition was not prepared, or its file has another shape.
    """
    index = read_table(disturbed / INDEX, FEATURE_INDEX)
    clean = Shards(features).load(list(index["clip_id"]))
    tables = []
    for condition in conditions:
        path = disturbed / condition.file
        if not path.is_file():
            raise SpikesoundError(f"{path}: no such file; robustness.sound must have this level")
        tables.append(np.load(path))
        if tables[-1].shape != clean.shape:
            raise SpikesoundError(f"{path}: expected shape {clean.shape}, got {tables[-1].shape}")
    return Noisy(index, list(conditions), clean, np.stack(tables))


def rows_of(part: Dataset, whole: Dataset) -> npt.NDArray[np.intp]:
    """Return the rows of a whole that a part of it has."""
    known = {clip: row for row, clip in enumerate(whole.ids)}
    return np.array([known[clip] for clip in part.ids], np.intp)
