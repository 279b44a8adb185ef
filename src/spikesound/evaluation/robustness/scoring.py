"""Counts of a clip under a condition, by task, and the metrics computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.robustness.conditions import Condition

Values = NDArray[np.float64]

CLASSIFIED = pa.schema(
    [
        ("clip_id", pa.string()),
        ("condition", pa.string()),
        ("level", pa.float64()),
        ("predicted", pa.string()),  # label id of the highest score
        ("hit", pa.bool_()),  # whether the clip has that label
    ]
)
"""One row for each clip and condition; of faults that are drawn, one for each draw."""

COUNTS = ("tp", "fp", "fn")
SEGMENT = tuple(f"segment_{count}" for count in COUNTS)
EVENT = tuple(f"event_{count}" for count in COUNTS)

DETECTED = pa.schema(
    [
        ("clip_id", pa.string()),
        ("condition", pa.string()),
        ("level", pa.float64()),
        ("label", pa.string()),  # label id of a class
        *((name, pa.int32()) for name in SEGMENT),  # segments of 1 s, by the decision rule
        *((name, pa.int32()) for name in EVENT),  # sound events
    ]
)
"""One row for each clip, class and condition; of faults that are drawn, one for each draw."""


@dataclass(frozen=True)
class Scoring:
    """Scoring of the clips of a task.

    Attributes
    ----------
    schema : of a model's results.parquet
    columns : those of the schema that are added up over clips
    measures : names of the figures; curves and areas are of the first
    figures : the measures (..., measure) of sums over clips (..., class, column) and of the number
        of clips (...); results without a column ``label`` have one class
    """

    schema: pa.Schema
    columns: tuple[str, ...]
    measures: tuple[str, ...]
    figures: Callable[[Values, Values], Values]

    @property
    def headline(self) -> str:
        """Name of the first measure."""
        return self.measures[0]


def _accuracy(sums: Values, clips: Values) -> Values:
    shares: Values = sums[..., 0] / clips[..., None]
    return shares


def _f1(sums: Values, clips: Values) -> Values:
    from spikesound.tasks.detection.metrics.events import f1_of_sums  # imports torch

    each = [
        f1_of_sums(*np.moveaxis(sums[..., first : first + len(COUNTS)], -1, 0))["macro"]
        for first in (0, len(COUNTS))
    ]
    return np.stack(each, axis=-1)


SCORING: Mapping[str, Scoring] = {
    "classification": Scoring(CLASSIFIED, ("hit",), ("accuracy",), _accuracy),
    "detection": Scoring(DETECTED, (*SEGMENT, *EVENT), ("segment_f1", "event_f1"), _f1),
}
"""By task."""


class ClipCounts(NamedTuple):
    """Counts of each clip under each condition, a mean over draws.

    Attributes
    ----------
    conditions : in the order of the results
    clips : sorted ids
    values : (condition, clip, class, column)
    """

    conditions: list[Condition]
    clips: list[str]
    values: Values

    def of_groups(self, groups: NDArray[np.intp]) -> Values:
        """Return the sums over groups of clips, (condition, class, column, group).

        Parameters
        ----------
        groups : number of the group of each clip, from 0 without gaps
        """
        points, clips, *rest = self.values.shape
        rows = self.values.transpose(0, 2, 3, 1).reshape(-1, clips)
        count = int(groups.max()) + 1
        sums: Values = np.stack([np.bincount(groups, row, count) for row in rows])
        return sums.reshape(points, *rest, count)


def clip_counts(results: pd.DataFrame, scoring: Scoring) -> ClipCounts:
    """Return the counts of each clip, from a model's results.

    Raises
    ------
    SpikesoundError
        If a clip was not tested under all of the conditions.
    """
    points = results["condition"] + "\0" + results["level"].astype(str)
    point, names = pd.factorize(points)
    clip, clips = pd.factorize(results["clip_id"], sort=True)
    label = pd.factorize(results["label"])[0] if "label" in results else np.zeros(len(clip), int)
    shape = len(names), len(clips), int(label.max()) + 1
    flat = np.ravel_multi_index((point, clip, label), shape)
    draws = np.bincount(flat, minlength=int(np.prod(shape))).astype(np.float64)
    if not draws.all():
        raise SpikesoundError("robustness: not every clip was tested under every condition")
    columns = [
        np.bincount(flat, results[name].to_numpy(np.float64), len(draws)) / draws
        for name in scoring.columns
    ]
    firsts = results.loc[~points.duplicated(), ["condition", "level"]]
    return ClipCounts(
        [Condition(str(name), float(level)) for name, level in firsts.itertuples(index=False)],
        [str(each) for each in clips],
        np.stack(columns, axis=-1).reshape(*shape, len(columns)),
    )
