"""Probe of temporal coding: accuracy with spikes shuffled or jittered in time."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.seeds import derive, numpy_generator
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.paired import permutation_p
from spikesound.evaluation.spike_times import Moved, conditions, moved_hits
from spikesound.experiments.row import Row
from spikesound.params import EvaluateParams
from spikesound.tasks.multilabel import Values, Weights
from spikesound.training.scores import clip_scores

Hits = npt.NDArray[np.float64]


def times(row: Row, folds: Folds) -> list[dict[str, Any]]:
    """Return for each condition the accuracy of a row's networks, and its change by it.

    Returns
    -------
    list
        of ``condition``, ``accuracy`` and ``change`` with the ends of their intervals over
        recordings, and ``p``, that the change is chance, by permutation of recordings (not
        corrected). Accuracies are means over draws of other times.
    """
    wanted, tests = row.probes.times, row.params.evaluate
    assert wanted is not None
    clean: list[Hits] = []
    groups: list[str] = []
    moved: dict[Moved, list[Hits]] = {}
    for fold, spec, network, clips in folds:
        decided = clip_scores(network, clips, tests.batch_clips).argmax(1)
        clean.append((clips.present[np.arange(len(clips)), decided] > 0).astype(float))
        groups += clips.groups
        for each in conditions(wanted.jitter, spec.steps, coded=clips.spikes):
            seed = derive(row.params.seed, "times", fold, each.name)
            hits = moved_hits(
                network, clips, tests.batch_clips, each, draws=wanted.draws, seed=seed
            )
            moved.setdefault(each, []).append(hits)
    whole = np.concatenate(clean)
    return [
        {"condition": each.name, "where": each.where, "jitter": each.jitter}
        | changed(whole, np.concatenate(hits), groups, tests, row.params.seed)
        for each, hits in moved.items()
    ]


def changed(
    clean: Hits, hits: Hits, recordings: list[str], tests: EvaluateParams, seed: int
) -> dict[str, float]:
    """Return the accuracy of hits, its change from clean ones, their intervals, and p.

    Parameters
    ----------
    clean, hits : of each clip, 0 to 1
    recordings : of each clip
    """
    low, high = hit_intervals(
        np.stack([hits, hits - clean]),
        recordings,
        generator=numpy_generator(seed, "bootstrap"),
        resamples=tests.resamples,
        confidence=tests.confidence,
    )
    _, clusters = np.unique(np.asarray(recordings), return_inverse=True)
    p = permutation_p(
        partial(_accuracy, np.concatenate([hits, clean])),
        clusters,
        generator=numpy_generator(seed, "permutation"),
        permutations=tests.permutations,
    )["accuracy"]
    figures = {
        "accuracy": hits.mean(), "accuracy_low": low[0], "accuracy_high": high[0],
        "change": (hits - clean).mean(), "change_low": low[1], "change_high": high[1],
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in figures.items()} | {
        "p": float(f"{p:.3g}")
    }


def _accuracy(hits: Hits, weights: Weights) -> dict[str, Values]:
    return {"accuracy": weights @ hits / weights.sum(1)}
