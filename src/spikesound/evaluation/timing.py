"""Times of several things on a machine that others use too: side by side, round by round."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track

Times = NDArray[np.float64]

WARM_UP = 3
ROUNDS = (20, 2000)
"""Least and most."""

TAILS = (0.05, 0.95)


def interleaved(
    calls: Mapping[str, Callable[[int], object]],
    *,
    seconds: float,
    generator: np.random.Generator,
) -> dict[str, Times]:
    """Time calls in rounds: each once a round, in a random order.

    So whatever slows the machine down for a while falls on all of them alike, and their ratio
    within a round is nearer the truth than the ratio of two averages. Garbage is collected before,
    and not in between.

    Parameters
    ----------
    calls
        By name; each is called with the number of the round.
    seconds
        About how long all of it may take. There are at least 20 rounds, whatever they take.
    generator
        Draws the orders.

    Returns
    -------
    dict
        For each name the wall time of each round in ms, shape (round,).
    """
    names = list(calls)
    for number in range(WARM_UP):
        began = time.perf_counter()
        for call in calls.values():
            call(number)
        round_s = time.perf_counter() - began
    rounds = int(np.clip(seconds / max(round_s, 1e-9), *ROUNDS))
    times = {name: np.empty(rounds) for name in names}
    gc.collect()
    gc.disable()
    try:
        for number in track(range(rounds), total=rounds, what="latency", unit="round"):
            for place in generator.permutation(len(names)):
                call = calls[names[place]]
                began_ns = time.perf_counter_ns()
                call(number)
                times[names[place]][number] = (time.perf_counter_ns() - began_ns) / 1e6
    finally:
        gc.enable()
    return times


def middle(times_ms: Times) -> tuple[float, float, float]:
    """Return the median, and the 5th and the 95th percentile."""
    low, high = np.quantile(times_ms, TAILS)
    return float(np.median(times_ms)), float(low), float(high)


def ratio(times_ms: Times, reference_ms: Times) -> float:
    """Return the median over rounds of how many times the reference's time a call took."""
    if times_ms.shape != reference_ms.shape:
        raise SpikesoundError(f"{len(times_ms)} rounds, and {len(reference_ms)} of the reference")
    return float(np.median(times_ms / reference_ms))
