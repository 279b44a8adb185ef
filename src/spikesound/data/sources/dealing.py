"""Folds for a collection that has none: recordings dealt round like cards."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from spikesound.core.errors import SpikesoundError


def deal_all(labels: Mapping[str, Collection[str]], folds: int, source: str) -> dict[str, str]:
    """Deal the recordings of a source into its folds, as :func:`deal`, so that none is empty.

    Raises
    ------
    SpikesoundError
        If there are fewer recordings than folds.
    """
    if 0 < len(labels) < folds:
        raise SpikesoundError(
            f"sources.{source}.folds: {folds} folds for {len(labels)} recordings leave some empty;"
            f" add recordings, or set it to at most {len(labels)} and tasks.classification.folds to"
            " as many"
        )
    return deal(labels, folds)


def deal(labels: Mapping[str, Collection[str]], folds: int) -> dict[str, str]:
    """Deal recordings into the folds '1', '2', ...

    The recordings of each combination of labels, in the order of a hash of their names, go round
    the folds, and the next combination goes on where the last one ended: each fold has as many of
    every combination, and in all, as any other, or one more. Equal names give equal folds.

    Parameters
    ----------
    labels
        Recording -> its labels.
    """
    order = sorted(
        labels,
        key=lambda name: (sorted(labels[name]), hashlib.sha256(name.encode()).digest()),
    )
    return {name: str(turn % folds + 1) for turn, name in enumerate(order)}
