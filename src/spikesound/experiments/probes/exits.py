"""Probe of early exit: accuracy, steps and energy by the confidence at which a network stops."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from spikesound.core.seeds import numpy_generator
from spikesound.costs.counting import Counted
from spikesound.costs.models import counts_of
from spikesound.costs.neuron_work import spikes
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.early_exit import (
    Confidence,
    confidences,
    count_exits,
    read_each_step,
)
from spikesound.evaluation.folds import Folds
from spikesound.experiments.accounts import account_figures, mean_spans, sound_of, spans_of
from spikesound.experiments.inputs import validation_clips
from spikesound.experiments.row import Row
from spikesound.training.dataset import Dataset

Counts = defaultdict[int, Counted]


def exits(row: Row, folds: Folds) -> list[dict[str, Any]]:
    """Return for each confidence what a row's networks need, and how accurate they are, with exit.

    A network that may stop after each step computes step by step: weights are fetched once a step
    (``fetch: step``), and the read-out is computed after each.

    Returns
    -------
    list
        of ``confidence``; ``validation_accuracy``; ``accuracy`` with its interval over recordings;
        ``steps``, their mean over test clips; ``spikes``, of all hidden layers in a clip; and
        ``accounts`` (:func:`~spikesound.experiments.accounts.account_figures`).
    """
    tests = row.params.evaluate
    groups: list[str] = []
    hits: dict[float, list[np.ndarray]] = defaultdict(list)
    steps: dict[float, list[np.ndarray]] = defaultdict(list)
    validated: dict[float, list[np.ndarray]] = defaultdict(list)
    counted: dict[float, Counts] = {each: defaultdict(Counted) for each in row.probes.exits}
    for fold, spec, network, clips in folds:
        groups += clips.groups
        own = validation_clips(row, fold, spec)
        tested = confidences(network, clips, tests.batch_clips)
        unseen = confidences(network, own, tests.batch_clips)
        for threshold in row.probes.exits:
            at, right = _exits(tested, clips, threshold)
            hits[threshold].append(right)
            steps[threshold].append(at)
            validated[threshold].append(_exits(unseen, own, threshold)[1])
            count_exits(network, spec, clips, at, counted[threshold], tests.batch_clips)
    found = []
    for threshold in row.probes.exits:
        right, at = np.concatenate(hits[threshold]), np.concatenate(steps[threshold])
        low, high = hit_intervals(
            right[None].astype(float),
            groups,
            generator=numpy_generator(row.params.seed, "bootstrap"),
            resamples=tests.resamples,
            confidence=tests.confidence,
        )
        shares = [fold.mean() for fold in validated[threshold]]
        found.append(
            {
                "confidence": threshold,
                "validation_accuracy": round(float(np.mean(shares)), 4),
                "accuracy": round(float(right.mean()), 4),
                "accuracy_low": round(float(low[0]), 4),
                "accuracy_high": round(float(high[0]), 4),
                "steps": round(float(at.mean()), 3),
            }
            | _priced(row, counted[threshold], at)
        )
    return found


def _exits(known: Confidence, clips: Dataset, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    at, decided = known.exits(threshold)
    return at, clips.present[np.arange(len(clips)), decided] > 0


def _priced(row: Row, counted: Counts, steps: np.ndarray) -> dict[str, Any]:
    """Return spikes and energies, means over clips that stop after different numbers of steps."""
    sound, params, parts, sent = sound_of(row), row.params.costs, [], 0.0
    for number, each in sorted(counted.items()):
        layers = read_each_step(each.layers, number)
        share = float((steps == number).mean())
        parts.append((share, spans_of(counts_of(row.model, layers, params, sound), params)))
        sent += share * sum(layer.active_outputs for layer in layers if spikes(layer))
    return {
        "spikes": round(sent, 1),
        "accounts": account_figures(mean_spans(parts, fetch="step")),
    }
