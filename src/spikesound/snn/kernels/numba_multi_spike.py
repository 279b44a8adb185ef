"""Numbers of spikes a frame on the processor: one pass over time forward, one backward.

The arrays and their strips are those of :mod:`spikesound.snn.kernels.numba_lif`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesound.snn.kernels.compiled import inlined, parallel, prange, serial
from spikesound.snn.kernels.numba_lif import WIDTH, Floats

BIG = np.float32(1.5 * 2**23)
"""Added and taken off again it rounds a small float32, half to even, in vector instructions."""


@inlined
def _rounded(potential: np.float32, most: np.float32) -> np.float32:
    within = min(max(potential, np.float32(0.0)), most)
    return (within + BIG) - BIG


@serial
def _forward_strip(
    low: int,
    high: int,
    currents: Floats,
    membrane: Floats,
    numbers: Floats,
    beta: np.float32,
    most: np.float32,
    drop: np.float32,
) -> None:
    left = np.zeros(high - low, np.float32)
    potential = np.empty(high - low, np.float32)
    for t in range(len(currents)):
        current = currents[t, low:high]
        number = numbers[t, low:high]
        for j in range(high - low):
            potential[j] = beta * left[j] + current[j]
            spikes = _rounded(potential[j], most)
            number[j] = spikes
            left[j] = potential[j] - drop * spikes
        if len(membrane):
            kept = membrane[t, low:high]
            for j in range(high - low):
                kept[j] = potential[j]


@parallel
def forward(
    currents: Floats,
    membrane: Floats,
    numbers: Floats,
    beta: np.float32,
    most: np.float32,
    drop: np.float32,
) -> None:
    """Fill ``numbers`` from ``currents`` (time, column), from rest.

    Where ``membrane`` has rows it gets the potential of each frame: what the backward pass needs.
    ``drop`` of the number is taken off the potential after each frame.
    """
    columns = currents.shape[1]
    for strip in prange((columns + WIDTH - 1) // WIDTH):
        low = strip * WIDTH
        high = min(low + WIDTH, columns)
        _forward_strip(low, high, currents, membrane, numbers, beta, most, drop)


@serial
def _backward_strip(
    low: int,
    high: int,
    gradient: Floats,
    membrane: Floats,
    sums: npt.NDArray[np.float64],
    beta: np.float32,
    most: np.float32,
    drop: np.float32,
) -> None:
    columns = high - low
    zero = np.float32(0.0)
    rest = np.zeros(columns, np.float32)
    carry = np.zeros(columns, np.float32)  # gradient of this frame's potential by later frames
    of_beta = np.zeros(columns, np.float32)
    out = np.empty(columns, np.float32)
    for t in range(len(gradient) - 1, -1, -1):
        g = gradient[t, low:high]
        u = membrane[t, low:high]
        last = membrane[t - 1, low:high] if t else rest
        for j in range(columns):
            inside = zero <= u[j] <= most
            total = carry[j] + (g[j] if inside else zero)
            spikes = _rounded(last[j], most)
            of_beta[j] += total * (last[j] - drop * spikes)
            carry[j] = total * beta
            out[j] = total
        for j in range(columns):
            u[j] = out[j]
    for j in range(columns):
        sums[0] += of_beta[j]


@parallel
def backward(
    gradient: Floats,
    membrane: Floats,
    sums: npt.NDArray[np.float64],
    beta: np.float32,
    most: np.float32,
    drop: np.float32,
) -> None:
    """Overwrite ``membrane`` (time, column) with the gradient of the currents, given the numbers'.

    ``sums`` (strip, 1) must be zero, and gets each strip's part of the gradient of the decay.
    """
    columns = gradient.shape[1]
    for strip in prange((columns + WIDTH - 1) // WIDTH):
        low = strip * WIDTH
        high = min(low + WIDTH, columns)
        _backward_strip(low, high, gradient, membrane, sums[strip], beta, most, drop)
