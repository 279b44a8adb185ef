"""Leaky integrate-and-fire on the processor: one pass over time forward, one backward.

The kernels see arrays (time, column) and go through them in strips of ``width`` columns: time
outside, columns inside, so that a strip's state stays in the nearest cache and the inner loops
become vector instructions. Strips are shared out among threads. There is no fused multiply-add: the
forward pass rounds as the plain loop does, bit by bit.

An array that is not wanted is passed with no rows.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from spikesound.snn.kernels.compiled import inlined, parallel, prange, serial
from spikesound.snn.kernels.rule import Rule

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Law = tuple[np.float32, np.float32, np.float32, np.float32, int]
Slope = tuple[int, np.float32]

WIDTH = 1024
"""Columns of a strip: its state and one step of currents and spikes lie in a 32 KiB cache."""


def law(beta: float, threshold: float, rule: Rule) -> Law:
    """Return decay, threshold, factor and drop of the potential after a spike, steps held."""
    theta = np.float32(threshold)
    drop = np.float32(rule.drops) * theta
    return np.float32(beta), theta, np.float32(rule.stays), drop, rule.refractory


def slope(rule: Rule) -> Slope:
    """Return number and steepness of the surrogate."""
    steepness = rule.slope * math.pi / 2 if rule.surrogate == "atan" else rule.slope
    return rule.code, np.float32(steepness)


@serial
def advance(currents: Floats, potential: Floats, wait: Ints, spiked: Bytes, law: Law) -> None:
    """Take one step: ``potential``, ``wait`` and ``spiked`` (0 or 1) are overwritten.

    The equations stand in :func:`spikesound.snn.kernels.torch_lif.step`.
    """
    beta, threshold, stays, drop, refractory = law
    one = np.float32(1.0)
    zero = np.float32(0.0)
    if refractory == 0:
        for j in range(len(currents)):
            before = potential[j] > threshold
            kept = potential[j] * (stays if before else one)
            after = beta * kept + currents[j] - (drop if before else zero)
            potential[j] = after
            spiked[j] = after > threshold
    else:
        for j in range(len(currents)):
            held = wait[j] > 0
            before = potential[j] > threshold and wait[j] == refractory
            kept = potential[j] * (stays if before else one)
            lost = drop if before else zero
            after = kept - lost if held else beta * kept + currents[j] - lost
            fires = after > threshold and not held
            potential[j] = after
            spiked[j] = fires
            wait[j] = refractory if fires else max(wait[j] - 1, 0)


@serial
def _forward_strip(
    low: int,
    high: int,
    currents: Floats,
    membrane: Floats,
    held: Bytes,
    spikes: Floats,
    potential: Floats,
    wait: Ints,
    law: Law,
) -> None:
    spiked = np.empty(high - low, np.uint8)
    u = potential[low:high]
    w = wait[low:high]
    for t in range(len(currents)):
        if len(held):
            for j in range(high - low):
                held[t, low + j] = w[j] > 0
        advance(currents[t, low:high], u, w, spiked, law)
        out = spikes[t, low:high]
        for j in range(high - low):
            out[j] = spiked[j]
        if len(membrane):
            kept = membrane[t, low:high]
            for j in range(high - low):
                kept[j] = u[j]


@parallel
def forward(
    currents: Floats,
    membrane: Floats,
    held: Bytes,
    spikes: Floats,
    potential: Floats,
    wait: Ints,
    law: Law,
) -> None:
    """Fill ``spikes`` from ``currents`` (time, column), and advance ``potential`` and ``wait``.

    Where ``membrane`` has rows it gets the potential of each step, where ``held`` has rows it gets
    1 at each step that a column is held: what the backward pass needs.
    """
    columns = currents.shape[1]
    for strip in prange((columns + WIDTH - 1) // WIDTH):
        low = strip * WIDTH
        high = min(low + WIDTH, columns)
        _forward_strip(low, high, currents, membrane, held, spikes, potential, wait, law)


@inlined
def _slope_at(above: np.float32, code: int, steepness: np.float32) -> np.float32:
    one = np.float32(1.0)
    if code == 0:
        scaled = steepness * above
        return steepness * np.float32(1 / math.pi) / (one + scaled * scaled)
    if code == 1:
        scaled = one + steepness * abs(above)
        return one / (scaled * scaled)
    if code == 2:
        return max(one - steepness * abs(above), np.float32(0.0))
    return one


@serial
def _backward_strip(
    low: int,
    high: int,
    gradient: Floats,
    membrane: Floats,
    held: Bytes,
    sums: npt.NDArray[np.float64],
    law: Law,
    slope: Slope,
) -> None:
    beta, threshold, stays, drop, refractory = law
    code, steepness = slope
    one = np.float32(1.0)
    zero = np.float32(0.0)
    columns = high - low
    rest = np.zeros(columns, np.float32)
    asleep = np.ones(columns, np.uint8)
    carry = np.zeros(columns, np.float32)  # gradient of this step's potential by later steps
    of_beta = np.zeros(columns, np.float32)
    of_threshold = np.zeros(columns, np.float32)
    out = np.empty(columns, np.float32)  # not at once in place: arrays that overlap go no faster
    wasted = drop != zero
    for t in range(len(gradient) - 1, -1, -1):
        g = gradient[t, low:high]
        u = membrane[t, low:high]
        last = membrane[t - 1, low:high] if t else rest
        if refractory == 0:
            for j in range(columns):
                by_spike = g[j] * _slope_at(u[j] - threshold, code, steepness)
                total = carry[j] + by_spike
                before = last[j] > threshold
                factor = stays if before else one
                of_beta[j] += total * factor * last[j]
                of_threshold[j] -= by_spike + (total if before and wasted else zero)
                out[j] = total
                carry[j] = total * factor * beta
        else:
            h = held[t, low:high]
            h_last = held[t - 1, low:high] if t else asleep
            for j in range(columns):
                by_spike = g[j] * _slope_at(u[j] - threshold, code, steepness)
                by_spike = zero if h[j] else by_spike
                total = carry[j] + by_spike
                before = last[j] > threshold and h_last[j] == 0
                factor = stays if before else one
                of_beta[j] += zero if h[j] else total * factor * last[j]
                of_threshold[j] -= by_spike + (total if before and wasted else zero)
                out[j] = zero if h[j] else total
                carry[j] = total * factor * (one if h[j] else beta)
        for j in range(columns):
            u[j] = out[j]
    for j in range(columns):
        sums[0] += of_beta[j]
        sums[1] += of_threshold[j]


@parallel
def backward(
    gradient: Floats,
    membrane: Floats,
    held: Bytes,
    sums: npt.NDArray[np.float64],
    width: int,
    law: Law,
    slope: Slope,
) -> None:
    """Overwrite ``membrane`` (time, column) with the gradient of the currents, given the spikes'.

    That spares an array as large, and the system's time to hand out its pages.
    ``sums`` (strip, 2) must be zero, and gets each strip's part of the gradients of decay and
    threshold.
    """
    columns = gradient.shape[1]
    for strip in prange((columns + width - 1) // width):
        low = strip * width
        high = min(low + width, columns)
        _backward_strip(low, high, gradient, membrane, held, sums[strip], law, slope)
