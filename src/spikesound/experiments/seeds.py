"""Several trainings of a setting, over folds and seeds: their mean, and pairs of settings."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.predictions import to_matrix
from spikesound.evaluation.settings import Settings
from spikesound.tasks.classification.metrics import correct

Rows = Sequence[Mapping[str, Any]]


def over_trainings(rows: Rows) -> dict[str, dict[str, Any]]:
    """Return for each setting of classification what its trainings give in the mean.

    ``accuracies`` has a test accuracy for each training, by fold and seed, and
    ``accuracy_deviation`` is their standard deviation. ``operations_dense`` counts a clip's
    operations in all time steps, ``operations_by_spikes`` those that spikes ask for, beside the
    multiply-accumulates of values.
    """
    found: dict[str, dict[str, Any]] = {}
    for setting in dict.fromkeys(str(row["setting"]) for row in rows):
        own = [row for row in rows if row["setting"] == setting]
        if all("fold_accuracies" in row for row in own):
            found[setting] = _mean(own)
    return found


def _mean(rows: Rows) -> dict[str, Any]:
    accuracies = {
        f"fold {fold}, seed {row['seed']}": share
        for row in rows
        for fold, share in row["fold_accuracies"].items()
    }
    shares = list(accuracies.values())
    rates = [row["spike_rate"] for row in rows if row["spike_rate"] is not None]
    by_spikes = [row["dense_macs"] + row["effective_acs"] for row in rows]
    return {
        "accuracy": round(statistics.mean(shares), 4),
        "accuracy_deviation": round(statistics.stdev(shares), 4) if len(shares) > 1 else None,
        "accuracies": accuracies,
        "validation_accuracy": round(statistics.mean(r["validation_accuracy"] for r in rows), 4),
        "test_clips": sum(row["clips_scored"] for row in rows),
        "steps": rows[0]["steps"],
        "spike_rate": round(statistics.mean(rates), 4) if rates else None,
        "parameters": rows[0]["parameters"],
        "operations_dense": round(statistics.mean(row["dense_operations"] for row in rows)),
        "operations_by_spikes": round(statistics.mean(by_spikes)),
    }


def compare_over_seeds(
    predictions: Sequence[Sequence[pd.DataFrame]],
    energies_nj: Sequence[Sequence[float]],
    recordings: Mapping[str, str],
    tests: Settings,
) -> dict[str, Any]:
    """Compare two settings over several seeds of training.

    The accuracy of each seed, its deviation, and the difference of the means with a percentile
    interval over both: in each resample the seeds of each setting and the recordings are drawn,
    with replacement. The energy is the mean over the seeds, as a share of the other's.

    Parameters
    ----------
    predictions, energies_nj : of the two settings, the PREDICTIONS table and the energy by seed
    """
    matrices = [[to_matrix(table) for table in each] for each in predictions]
    clusters = clusters_of(matrices[0][0].clip_ids, recordings)
    right = [
        np.stack([np.bincount(clusters, correct(matrix)) for matrix in each]) for each in matrices
    ]
    sizes = np.bincount(clusters)
    accuracies = [each.sum(1) / sizes.sum() for each in right]
    generator = numpy_generator(tests.seed, "seeds")
    resampled = []
    for _ in range(tests.resamples):
        drawn = np.bincount(generator.integers(len(sizes), size=len(sizes)), minlength=len(sizes))
        means = [
            each[generator.integers(len(each), size=len(each))].mean(0) @ drawn for each in right
        ]
        resampled.append((means[0] - means[1]) / (drawn @ sizes))
    tail = (1 - tests.confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return {
        "energy_share": round(float(np.mean(energies_nj[0]) / np.mean(energies_nj[1])), 4),
        "accuracies": [[round(float(a), 4) for a in each] for each in accuracies],
        "deviations": [round(float(np.std(each, ddof=1)), 4) for each in accuracies],
        "difference": round(float(accuracies[0].mean() - accuracies[1].mean()), 4),
        "difference_low": round(float(low), 4),
        "difference_high": round(float(high), 4),
    }
