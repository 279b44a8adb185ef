"""Two models' scores in the same order of clips and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.predictions import to_matrix
from spikesound.tasks.classification.scores import ScoreMatrix


@dataclass(frozen=True, eq=False)
class Side:
    """One model's scores, and what verdicts call it."""

    name: str
    matrix: ScoreMatrix


Pair = tuple[Side, Side]


def side_of(
    name: str, predictions: pd.DataFrame, like: Side | None, *, multilabel: bool = False
) -> Side:
    """Return a model's scores, rows and columns in the order of another's, if one is given.

    Parameters
    ----------
    name
        What verdicts call the model.
    predictions
        Its PREDICTIONS table.
    like
        The other model.
    multilabel
        Whether each label has a probability of its own.

    Raises
    ------
    SpikesoundError
        If the table is inconsistent, or a clip, a label or a target is of one of the two only.
    """
    if like is None:
        return Side(name, to_matrix(predictions, multilabel=multilabel))
    theirs = like.matrix
    same_labels = set(predictions["label"]) == set(theirs.labels)
    ours = to_matrix(predictions, theirs.labels if same_labels else None, multilabel=multilabel)
    where = f"{name} cannot be compared with {like.name}"
    for what, one, other in (
        ("clip", ours.clip_ids, theirs.clip_ids),
        ("label", ours.labels, theirs.labels),
    ):
        only = sorted(set(one) ^ set(other))
        if only:
            raise SpikesoundError(f"{where}: {what} {only[0]!r} is in one of them only")
    differ = np.flatnonzero((ours.targets != theirs.targets).any(axis=1))
    if differ.size:
        raise SpikesoundError(
            f"{where}: clip {ours.clip_ids[differ[0]]!r} has other true labels "
            f"({differ.size} such clips)"
        )
    return Side(name, ours)
