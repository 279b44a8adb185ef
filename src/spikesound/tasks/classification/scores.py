"""Scores and true labels of classified clips as matrices, which every metric works on."""

from __future__ import annotations

from dataclasses import dataclass

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
