"""Differences of two settings of detectors, of all their seeds, on the same resamples.

Every row of detectors on the same clips draws the same recordings in its resamples, and keeps the
metric of each: so a paired interval can be had of rows that were computed at different times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.bootstrap import percentiles

Values = npt.NDArray[np.float64]


def written(values: Values) -> str:
    """Return the values of resamples as one text, to four decimals."""
    return " ".join(f"{value:.4f}" for value in values)


def read(text: str) -> Values:
    """Return the values of resamples from what :func:`written` returns."""
    return np.array(text.split(), np.float64)


def difference(
    ours: Sequence[Mapping[str, Any]],
    theirs: Sequence[Mapping[str, Any]],
    metric: str,
    confidence: float,
) -> tuple[float, float, float]:
    r"""Return the mean difference over seeds, and the ends of its paired interval.

    .. math:: d = \frac1S \sum_s m_s - \frac1{S'} \sum_{s'} m'_{s'}

    of all clips, and of each resample, whose percentiles are the ends: the interval is that of
    other recordings, with these trainings.

    Parameters
    ----------
    ours, theirs : rows of the two settings, one a seed

    Raises
    ------
    SpikesoundError
        If rows have other clips, or different numbers of resamples.
    """
    drawn = [[read(row[f"{metric}_resamples"]) for row in rows] for rows in (ours, theirs)]
    sizes = {
        (row["clips"], row["events"], len(each))
        for rows, values in zip((ours, theirs), drawn, strict=True)
        for row, each in zip(rows, values, strict=True)
    }
    if len(sizes) > 1:
        raise SpikesoundError(
            f"{ours[0]['setting']!r} and {theirs[0]['setting']!r}: expected the same clips, events "
            f"and resamples in all rows, got {sorted(sizes)}"
        )
    found = np.mean(drawn[0], 0) - np.mean(drawn[1], 0)
    low, high = percentiles(found, confidence)
    value = np.mean([row[metric] for row in ours]) - np.mean([row[metric] for row in theirs])
    return float(value), low, high
