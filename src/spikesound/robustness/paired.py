"""Pairs of models under noise: whether one keeps more of its accuracy than the other."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from spikesound.evaluation.correction import holm
from spikesound.evaluation.pairing import pairs
from spikesound.robustness.areas import paired_areas
from spikesound.seeds import numpy_generator


def compare_areas(
    results: Mapping[str, pd.DataFrame], recordings: Mapping[str, str], seed: int
) -> dict[str, dict[str, float]]:
    """Return for each "<a> vs <b>" the figures of :func:`~.areas.paired_areas`, four decimals.

    The pairs are those of :func:`spikesound.evaluation.pairing.pairs`. ``p_corrected`` and
    ``relative_p_corrected`` are Holm's, over all pairs and both areas.

    Parameters
    ----------
    results
        For each model its table ROBUSTNESS.
    recordings
        The recording of each clip.
    seed
        The run's.
    """
    found = {
        f"{a} vs {b}": paired_areas(
            results[a], results[b], recordings, numpy_generator(seed, "paired areas", a, b)
        )
        for a, b in pairs(results)
    }
    tests = [(key, name) for key in found for name in ("p", "relative_p")]
    for (key, name), corrected in zip(tests, holm([found[k][n] for k, n in tests]), strict=True):
        found[key][f"{name}_corrected"] = float(corrected)
    return {
        key: {name: round(value, 4) for name, value in row.items()} for key, row in found.items()
    }
