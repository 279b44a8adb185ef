"""A linear layer and its neurons in one pass, with work only for the inputs that spiked.

Where an input spikes its column of weights is added to the currents; where it is silent nothing is
done. A sample's currents, potentials and spikes of one step stay in the nearest cache: they go to
memory only where the backward pass needs them. Samples are shared out among threads.

Shapes: spikes as words (time, sample, word), see :mod:`spikesound.snn.event_driven.bit_words`;
weights (input, output), the transpose of torch's, so that what one input adds lies in one piece.
"""

from __future__ import annotations

import numpy as np

from spikesound.snn.event_driven.bit_words import (
    BITS,
    Words,
    count_set,
    find_set,
    lowest_bit,
    pack_bytes,
)
from spikesound.snn.kernels.compiled import parallel, prange, serial
from spikesound.snn.kernels.numba_lif import Bytes, Floats, Ints, Law, advance

TILE = 128
"""Outputs of one task of the weight gradient: with 64 inputs they fill a 32 KiB cache."""
BLOCK = 256
"""Rows of gradient processed at a time: with a tile they fill 128 KiB."""


@serial
def _add_rows(active: Ints, rows: Floats, low: int, out: Floats) -> None:
    """Add the active rows to ``out``, from column ``low`` on: fours, two of them at a time."""
    columns = len(out)
    high = low + columns
    left = len(active)
    k = 0
    while left - k >= 8:
        a = rows[active[k], low:high]
        b = rows[active[k + 1], low:high]
        c = rows[active[k + 2], low:high]
        d = rows[active[k + 3], low:high]
        e = rows[active[k + 4], low:high]
        f = rows[active[k + 5], low:high]
        g = rows[active[k + 6], low:high]
        h = rows[active[k + 7], low:high]
        for j in range(columns):
            four = out[j] + ((a[j] + b[j]) + (c[j] + d[j]))
            out[j] = four + ((e[j] + f[j]) + (g[j] + h[j]))
        k += 8
    if left - k >= 4:
        a = rows[active[k], low:high]
        b = rows[active[k + 1], low:high]
        c = rows[active[k + 2], low:high]
        d = rows[active[k + 3], low:high]
        for j in range(columns):
            out[j] += (a[j] + b[j]) + (c[j] + d[j])
        k += 4
    while k < left:
        a = rows[active[k], low:high]
        for j in range(columns):
            out[j] += a[j]
        k += 1


@serial
def _sample(
    sample: int,
    inputs: Words,
    weights: Floats,
    bias: Floats,
    membrane: Floats,
    held: Bytes,
    outputs: Words,
    spikes: Floats,
    potential: Floats,
    wait: Ints,
    law: Law,
) -> int:
    units = potential.shape[1]
    low = sample * units
    padded = outputs.shape[2] * BITS  # so that the neurons' loops have no remainder
    active = np.empty(inputs.shape[2] * BITS, np.int32)
    spiked = np.zeros(padded, np.uint8)
    currents = np.full(padded, -np.inf, np.float32)  # at which nothing spikes
    summed = currents[:units]
    u = np.zeros(padded, np.float32)
    w = np.zeros(padded, np.int32)
    u[:units] = potential[sample]
    w[:units] = wait[sample]
    total = 0
    for t in range(len(inputs)):
        count = find_set(inputs[t, sample], active)
        for j in range(units):  # a loop of its own is far faster here than a slice's assignment
            summed[j] = bias[j]
        _add_rows(active[:count], weights, 0, summed)
        if len(held):
            for j in range(units):
                held[t, low + j] = w[j] > 0
        advance(currents, u, w, spiked, law)
        pack_bytes(spiked, outputs[t, sample])
        total += count_set(outputs[t, sample])
        if len(membrane):
            kept = membrane[t, low : low + units]
            for j in range(units):
                kept[j] = u[j]
        if len(spikes):
            dense = spikes[t, low : low + units]
            for j in range(units):
                dense[j] = spiked[j]
    potential[sample] = u[:units]
    wait[sample] = w[:units]
    return total


@serial
def forward_serial(
    inputs: Words,
    weights: Floats,
    bias: Floats,
    membrane: Floats,
    held: Bytes,
    outputs: Words,
    spikes: Floats,
    potential: Floats,
    wait: Ints,
    law: Law,
) -> int:
    """Do as :func:`forward_parallel` on one thread: a short call needs no more."""
    total = 0
    for sample in range(inputs.shape[1]):
        total += _sample(
            sample, inputs, weights, bias, membrane, held, outputs, spikes, potential, wait, law
        )
    return total


@parallel
def forward_parallel(
    inputs: Words,
    weights: Floats,
    bias: Floats,
    membrane: Floats,
    held: Bytes,
    outputs: Words,
    spikes: Floats,
    potential: Floats,
    wait: Ints,
    law: Law,
) -> int:
    """Fill ``outputs`` (time, sample, word) and return the number of spikes.

    ``spikes``, ``membrane`` and ``held`` (time, sample x output) are filled where they have rows;
    ``potential`` and ``wait`` (sample, output) are advanced.
    """
    total = 0
    for sample in prange(inputs.shape[1]):
        total += _sample(
            sample, inputs, weights, bias, membrane, held, outputs, spikes, potential, wait, law
        )
    return total


@parallel
def weight_gradient(inputs: Words, gradient: Floats, out: Floats) -> None:
    """Add up, for each input, the gradient of the currents in the rows in which it spiked.

    ``inputs`` are words (row, word), ``gradient`` is (row, output), ``out`` (input, output) and
    zero. A task is one word of inputs and a tile of outputs, which stay in the nearest cache, and
    goes through blocks of rows that stay in the next. So a sum's order does not depend on the
    number of threads.
    """
    rows, columns = gradient.shape
    tiles = (columns + TILE - 1) // TILE
    for task in prange(inputs.shape[1] * tiles):
        word = task // tiles
        low = task % tiles * TILE
        high = min(low + TILE, columns)
        spiking = np.empty((BITS, BLOCK), np.int32)  # the rows of each input
        counts = np.zeros(BITS, np.int32)
        for start in range(0, rows, BLOCK):
            counts[:] = 0
            for row in range(start, min(start + BLOCK, rows)):
                left = inputs[row, word]
                while left != np.uint64(0):
                    unit = int(lowest_bit(left))
                    spiking[unit, counts[unit]] = row
                    counts[unit] += 1
                    left &= left - np.uint64(1)
            for unit in range(BITS):
                if counts[unit]:
                    into = out[word * BITS + unit, low:high]
                    _add_rows(spiking[unit, : counts[unit]], gradient, low, into)
