"""Scores and true labels of classified clips as matrices, which every metric works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikesound.core.errors import unknown
from spikesound.tasks.multilabel import Flags, Scores


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores and targets of clips.

    Attributes
    ----------
    clip_ids
        Sorted, so that equal resamples of two models hold the same clips.
    labels
        Label ids in class order.
    scores, targets
        Shape (clip, label).
    multilabel
        Whether each label has a probability of its own (sigmoid), several a clip being possible;
        otherwise they share one distribution (softmax).
    """

    clip_ids: tuple[str, ...]
    labels: tuple[str, ...]
    scores: Scores
    targets: Flags
    multilabel: bool = False

    @property
    def single_label(self) -> bool:
        """Whether every clip has exactly one true label."""
        return bool((self.targets.sum(axis=1) == 1).all())


def target_matrix(labels_of_clips: Sequence[Sequence[str]], labels: Sequence[str]) -> Flags:
    """Return which of the labels each clip has, shape (clip, label).

    Raises
    ------
    SpikesoundError
        If a clip has a label that is not among ``labels``.
    """
    column = {label: i for i, label in enumerate(labels)}
    targets = np.zeros((len(labels_of_clips), len(labels)), dtype=bool)
    for row, names in enumerate(labels_of_clips):
        for name in names:
            if name not in column:
                raise unknown(f"label (clip {row} of the index)", name, labels)
            targets[row, column[name]] = True
    return targets
