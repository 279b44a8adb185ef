"""Pairs of models under noise: whether one keeps more of its measure than the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.comparisons import permutations_needed
from spikesound.evaluation.correction import holm
from spikesound.evaluation.pairs import Names, pair_key
from spikesound.evaluation.robustness.areas import paired_areas
from spikesound.evaluation.robustness.scoring import Scoring
from spikesound.evaluation.settings import Settings


def compare_areas(
    results: Mapping[str, pd.DataFrame],
    pairs: Sequence[Names],
    recordings: Mapping[str, str],
    settings: Settings,
    scoring: Scoring,
) -> dict[str, dict[str, float]]:
    """Return for each "<a> vs <b>" the figures of :func:`~.areas.paired_areas`, four decimals.

    ``p_corrected`` and ``relative_p_corrected`` are Holm's, over all pairs and both areas.

    Parameters
    ----------
    results
        For each model its results, of the task's schema.
    pairs
        Which models are compared, the first with the second.
    recordings
        The recording of each clip.
    settings
        Resamples, permutations (more where the number of pairs requires it), confidence, seed.
    scoring
        Of the task.
    """
    needed = permutations_needed(2 * len(pairs), settings.confidence)
    asked = replace(settings, permutations=max(settings.permutations, needed))
    areas = {
        pair_key((a, b)): paired_areas(
            results[a],
            results[b],
            recordings,
            numpy_generator(settings.seed, "paired areas", a, b),
            asked,
            scoring,
        )
        for a, b in pairs
    }
    tests = [(key, name) for key in areas for name in ("p", "relative_p")]
    for (key, name), corrected in zip(tests, holm([areas[k][n] for k, n in tests]), strict=True):
        areas[key][f"{name}_corrected"] = float(corrected)
    return {
        key: {name: round(value, 4) for name, value in row.items()} for key, row in areas.items()
    }
