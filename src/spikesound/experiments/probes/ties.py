"""Probe of a convention that overstates: ties of spike counts counted as right answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikesound.evaluation.folds import Folds
from spikesound.experiments.row import Row
from spikesound.training.scores import clip_scores


def ties(row: Row, folds: Folds) -> list[dict[str, Any]]:
    """Return the accuracy of a row's networks by the first and by any class of the highest score.

    Returns
    -------
    list
        of one mapping: ``accuracy``, decided by the first class with the highest score, as
        everywhere here; ``accuracy_ties_right``, where a clip is right if one of its classes has
        the highest score, alone or not; ``tied``, the share of clips whose highest score several
        classes have; ``tied_all``, that of clips all of whose scores are equal, as of output
        neurons none of which spikes: those are always right by the second.

    References
    ----------
    Kheradpisheh, Mirsadeghi & Masquelier 2022, "Spiking neural networks trained via proxy": the
    final score in its code (github.com/SRKH/ProxyLearning).
    """
    highest, present = [], []
    for _, _, network, clips in folds:
        scores = clip_scores(network, clips, row.params.evaluate.batch_clips)
        highest.append(scores == scores.max(1, keepdims=True))
        present.append(clips.present > 0)
    best, true = np.concatenate(highest), np.concatenate(present)
    count = best.sum(1)
    shares = {
        "accuracy": true[np.arange(len(true)), best.argmax(1)],
        "accuracy_ties_right": (best & true).any(1),
        "tied": count > 1,
        "tied_all": count == best.shape[1],
    }
    return [{name: round(float(each.mean()), 4) for name, each in shares.items()}]
