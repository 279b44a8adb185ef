"""Decision time: the earliest point from which the decision does not change any more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def stable_from(decided: Ints) -> Ints:
    """Return for each clip the first point from which its decision is that of the last point.

    Parameters
    ----------
    decided : class that each clip is taken for at each point (point, clip)

    Returns
    -------
    ints (clip,), from 0 (never another decision) to the number of points less one
    """
    other = decided != decided[-1]
    last_other = len(decided) - 1 - other[::-1].argmax(axis=0)
    return np.where(other.any(axis=0), last_other + 1, 0).astype(np.int64)


def stable_figures(
    name: str, at: Sequence[float], decided: Ints, right: NDArray[np.bool_]
) -> dict[str, float]:
    """Return median and 95th percentile of the time to a stable decision.

    A percentile is the smallest time within which that share of the clips decides: one of ``at``;
    the true time lies between it and the point before: the points are the resolution.

    Parameters
    ----------
    name : ``steps`` or ``s``, what ``at`` counts
    at : the time of each point
    decided : class that each clip is taken for at each point (point, clip)
    right : whether the last decision is right (clip,)

    Returns
    -------
    dict
        ``stable_<name>_median`` and ``stable_<name>_p95`` over all clips; the same with ``_right``
        at the end over the clips that are classified rightly, if there are any.
    """
    times = np.asarray(at)[stable_from(decided)]
    figures = {}
    for suffix, chosen in (("", times), ("_right", times[right])):
        if len(chosen):
            for word, percent in (("median", 50), ("p95", 95)):
                value = np.percentile(chosen, percent, method="inverted_cdf")
                figures[f"stable_{name}_{word}{suffix}"] = float(value)
    return figures
