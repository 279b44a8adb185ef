"""Scatter-add of a frame's active inputs to the sums of this frame and of those to come.

A causal layer keeps a ring of sums, one slot for each frame that its taps reach, this one and the
coming. Inputs come in the order (bin, channel), so that those under one window of a kernel are one
run; weights are rows (tap, column of the window, input channel) of the output channels that one
input adds to one place. So each active input is dealt with once, when it comes, and a frame
without any costs a look at nothing but their number.

What a layer looks like stands in a row of integers, ``layer``, at the places named below; all
arrays must fit it: the kernels do not look.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesound.snn.event_driven.add_rows import add_rows
from spikesound.snn.kernels.compiled import serial
from spikesound.snn.kernels.numba_lif import Bytes, Floats, Ints

Sizes = npt.NDArray[np.int64]

TAPS, DILATION, COLUMNS, STRIDE, PADDING, BINS, CHANNELS, PLACES, WIDTH, UNITS = range(10)
"""Of a layer: delays and frames between them; columns of a window, bins from one to the next, bins
before the first; bins and channels of the input; places and channels of the output, and both
together, rounded up to whole words of spikes."""

WEIGHTS_AT, GROUND_AT, RING_AT, UNITS_AT = range(10, 14)
"""Offsets of its weights, constant currents, ring and units in the flat arrays."""

READOUT_AT = 14
"""Row of its first unit in the readout; -1 if the readout does not read it."""

FIELDS = 15


@serial
def rows_of(weights: Floats, start: int, rows: int, columns: int) -> Floats:
    """Return a table of a flat array."""
    return weights[start : start + rows * columns].reshape(rows, columns)


@serial
def table_of(layer: Sizes, weights: Floats) -> Floats:
    """Return a layer's weights."""
    rows = layer[TAPS] * layer[COLUMNS] * layer[CHANNELS]
    return rows_of(weights, layer[WEIGHTS_AT], rows, layer[WIDTH])


@serial
def most(sizes: Sizes) -> int:
    """Return the most inputs or units that any of the layers has."""
    largest = 0
    for layer in sizes:
        largest = max(largest, layer[UNITS], layer[BINS] * layer[CHANNELS])
    return int(largest)


@serial
def find_starts(active: Ints, count: int, channels: int, starts: Ints) -> None:
    """Write where in ``active``, which rises, the inputs of each bin begin; last, their number."""
    k = 0
    for b in range(len(starts)):
        while k < count and active[k] < b * channels:
            k += 1
        starts[b] = k


@serial
def slots(layer: Sizes) -> int:
    """Return how many frames' sums a layer keeps."""
    return int((layer[TAPS] - 1) * layer[DILATION] + 1)


@serial
def scatter_spikes(
    layer: Sizes, now: int, active: Ints, starts: Ints, weights: Floats, ring: Floats
) -> None:
    """Add the rows of the inputs that spiked at frame ``now``."""
    columns, channels = layer[COLUMNS], layer[CHANNELS]
    count = slots(layer)
    for tap in range(layer[TAPS]):
        slot = (now + tap * layer[DILATION]) % count * layer[UNITS]
        for place in range(layer[PLACES]):
            left = place * layer[STRIDE] - layer[PADDING]
            first = starts[max(left, 0)]
            last = starts[min(left + columns, layer[BINS])]
            if last > first:
                shift = (tap * columns - left) * channels
                at = slot + place * layer[WIDTH]
                add_rows(active, first, last, shift, weights, ring, at)


@serial
def scatter_values(
    layer: Sizes,
    now: int,
    active: Ints,
    values: Floats,
    starts: Ints,
    weights: Floats,
    ring: Floats,
) -> None:
    """Add the rows of the inputs in ``active`` at frame ``now``, each times its value."""
    columns, channels = layer[COLUMNS], layer[CHANNELS]
    count = slots(layer)
    for tap in range(layer[TAPS]):
        slot = (now + tap * layer[DILATION]) % count * layer[UNITS]
        for place in range(layer[PLACES]):
            left = place * layer[STRIDE] - layer[PADDING]
            first = starts[max(left, 0)]
            last = starts[min(left + columns, layer[BINS])]
            if last > first:
                shift = (tap * columns - left) * channels
                at = slot + place * layer[WIDTH]
                add_weighted(active, values, first, last, shift, weights, ring, at)


@serial
def add_weighted(
    active: Ints,
    values: Floats,
    first: int,
    last: int,
    shift: int,
    weights: Floats,
    out: Floats,
    at: int,
) -> None:
    """Add the rows ``active[first:last] + shift``, times ``values[first:last]``.

    Four rows at once: then the sums go through memory a quarter as often.
    """
    width = weights.shape[1]
    sums = out[at : at + width]
    k = first
    while k + 4 <= last:
        a, b = weights[active[k] + shift], weights[active[k + 1] + shift]
        c, d = weights[active[k + 2] + shift], weights[active[k + 3] + shift]
        p, q, r, s = values[k], values[k + 1], values[k + 2], values[k + 3]
        for j in range(width):
            sums[j] += (p * a[j] + q * b[j]) + (r * c[j] + s * d[j])
        k += 4
    while k < last:
        a = weights[active[k] + shift]
        p = values[k]
        for j in range(width):
            sums[j] += p * a[j]
        k += 1


@serial
def find_values(values: Floats | Bytes, active: Ints, nonzero: Floats, skip: bool) -> int:
    """Write the numbers of the values that are not zero, and they themselves; return how many.

    All of them if not ``skip``.
    """
    count = 0
    for j in range(len(values)):
        active[count] = j
        nonzero[count] = values[j]
        count += 1 if values[j] != 0 or not skip else 0
    return count
