"""Several trainings of a setting, over folds and seeds: their mean, and pairs of settings."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from spikesound.evaluation.clusters import clusters_of
from spikesound.evaluation.differences import level
from spikesound.evaluation.equivalence import detectable, difference_p, equivalence_p
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
    r"""Compare two settings over several seeds of training, seeds and recordings being random.

    The accuracy of each seed, its deviation, and the difference of the means. Its standard error
    has a part of the recordings, from the paired differences of the seeds' means, and one of the
    seeds, from the deviations :math:`s_1, s_2` of S trainings each,

    .. math:: s^2 = s_R^2 + \frac{s_1^2}{S_1} + \frac{s_2^2}{S_2}

    with the degrees of freedom of Welch and Satterthwaite for Student's distribution: with three
    seeds, a resampling of seeds would give too narrow an interval. The part that seeds and
    recordings share is counted in both, which errs to a wide interval. The energy is the mean over
    the seeds, as a share of the other's.

    Parameters
    ----------
    predictions, energies_nj : of the two settings, the PREDICTIONS table and the energy by seed

    References
    ----------
    Satterthwaite, An approximate distribution of estimates of variance components, Biometrics
    Bulletin 2 (1946), 110-114.
    """
    matrices = [[to_matrix(table) for table in each] for each in predictions]
    clusters = clusters_of(matrices[0][0].clip_ids, recordings)
    right = [
        np.stack([np.bincount(clusters, correct(matrix)) for matrix in each]) for each in matrices
    ]
    sizes = np.bincount(clusters)
    accuracies = [each.sum(1) / sizes.sum() for each in right]
    difference = float(accuracies[0].mean() - accuracies[1].mean())
    apart = right[0].mean(0) - right[1].mean(0) - difference * sizes
    count = len(sizes)
    parts = [
        (count / (count - 1) * float(apart @ apart) / float(sizes.sum()) ** 2, count - 1),
        *((float(np.var(each, ddof=1)) / len(each), len(each) - 1) for each in accuracies),
    ]
    variance = sum(part for part, _ in parts)
    error = variance**0.5
    degrees = variance**2 / sum(part**2 / free for part, free in parts) if variance else math.inf
    half = float(stats.t.isf(level(tests.confidence) / 2, degrees)) * error
    figures = {
        "difference": difference,
        "difference_low": difference - half,
        "difference_high": difference + half,
        "standard_error": error,
        "standard_error_recordings": parts[0][0] ** 0.5,
        "standard_error_seeds": sum(part for part, _ in parts[1:]) ** 0.5,
        "degrees": degrees,
        "p": difference_p(difference, error, degrees),
        "equivalence_p": equivalence_p(difference, error, tests.margin, degrees),
        "detectable": detectable(error, level(tests.confidence), degrees),
    }
    return {
        "energy_share": round(float(np.mean(energies_nj[0]) / np.mean(energies_nj[1])), 4),
        "accuracies": [[round(float(a), 4) for a in each] for each in accuracies],
        "deviations": [round(float(np.std(each, ddof=1)), 4) for each in accuracies],
        **{name: round(value, 4) for name, value in figures.items()},
        "equivalence_margin": tests.margin,
    }
