"""Which models are set side by side, and that they were scored on the same clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.predictions import ScoreMatrix, to_matrix
from spikesound.evaluation.summary import family, model_order, twin


@dataclass(frozen=True, eq=False)
class Side:
    """One model's scores, and what verdicts call it."""

    name: str
    matrix: ScoreMatrix


Pair = tuple[Side, Side]


def pairs(models: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return which models are compared: each spiking one with all others, the spiking one first.

    Its twin comes first, then the twin's variants (quantised, sparse), the other conventional
    networks and the baseline; at the end the spiking models among each other.
    """
    names = sorted(models, key=model_order)
    spiking = [name for name in names if family(name) == "snn"]
    others = [name for name in names if family(name) != "snn"]
    found = []
    for model in spiking:
        own = twin(model, models)
        of_shape = [name for name in others if own and (name == own or name.startswith(f"{own}-"))]
        rest = [name for name in others if name not in of_shape]
        rest.sort(key=lambda name: family(name) == "baseline")
        found += [(model, other) for other in of_shape + rest]
    among = [(a, b) for i, a in enumerate(spiking) for b in spiking[i + 1 :]]
    return found + among


def side_of(name: str, predictions: pd.DataFrame, like: Side | None) -> Side:
    """Return a model's scores, rows and columns in the order of another's, if one is given.

    Raises
    ------
    SpikesoundError
        If the table is inconsistent, or a clip, a label or a target is of one of the two only.
    """
    if like is None:
        return Side(name, to_matrix(predictions))
    theirs = like.matrix
    same_labels = set(predictions["label"]) == set(theirs.labels)
    ours = to_matrix(predictions, theirs.labels if same_labels else None)
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
