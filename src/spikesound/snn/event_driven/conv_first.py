"""The convolution of a single input channel, by a table of the sums under a kernel's row.

See :mod:`spikesound.snn.event_driven.conv` for the shapes. The bits of one channel under a row of
the kernel are a small number, and what they add is one row of a table: no spike is searched
for, and what it costs does not depend on how many there are.
"""

from __future__ import annotations

import numpy as np

from spikesound.snn.event_driven.add_rows import add_rows
from spikesound.snn.event_driven.bit_words import BITS, Words
from spikesound.snn.event_driven.conv import Shape, spike
from spikesound.snn.kernels.compiled import parallel, prange, serial
from spikesound.snn.kernels.numba_lif import Floats, Ints, Law


@serial
def _patterns(words: Words, stride: int, padding: int, width: int, base: int, out: Ints) -> None:
    """Write, for each place, the ``width`` bits under it as a number, plus ``base``.

    Outside of the words there are no spikes.
    """
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    for place in range(len(out)):
        start = place * stride - padding
        if start < 0:
            bits = words[0] << np.uint64(-start)
        else:
            w = start >> 6
            offset = start & 63
            bits = words[w] >> np.uint64(offset) if w < len(words) else np.uint64(0)
            if offset > BITS - width and w + 1 < len(words):
                bits |= words[w + 1] << np.uint64(BITS - offset)
        out[place] = np.int32(bits & mask) + base


@serial
def _frame_first(
    sample: int,
    frame: int,
    inputs: Words,
    shape: Shape,
    table: Floats,
    ground: Floats,
    start: np.float32,
    law: Law,
    places: int,
    outputs: Words,
) -> int:
    rows, columns, down, right, over, beside, _ = shape
    units = len(ground)
    top = frame * down - over
    above = max(top, 0)
    below = min(top + rows, inputs.shape[2])
    currents = np.empty(units, np.float32)
    u = np.full(units, start, np.float32)
    wait = np.zeros(units, np.int32)
    spiked = np.zeros(units, np.uint8)
    many = below - above
    chosen = np.empty((places, many), np.int32)
    uncounted = np.empty(0, np.float32)
    total = 0
    for t in range(len(inputs)):
        for k in range(many):
            base = (above - top + k) << columns
            _patterns(inputs[t, sample, above + k], right, beside, columns, base, chosen[:, k])
        for j in range(units):
            currents[j] = ground[j]
        for place in range(places):
            one = place * many
            add_rows(chosen, one, one + many, 0, table, currents, place * table.shape[1])
        total += spike(currents, u, wait, spiked, law, outputs[t, sample, frame], uncounted)
    return total


@parallel
def convolve_first(
    inputs: Words,
    shape: Shape,
    table: Floats,
    ground: Floats,
    start: np.float32,
    law: Law,
    places: int,
    outputs: Words,
) -> int:
    """Do as :func:`spikesound.snn.event_driven.conv.convolve` for a single input channel.

    ``table`` (kernel row x pattern, output channel) holds what the inputs under a row of the kernel
    add, for each pattern of them (lowest bit: leftmost column).
    """
    frames = outputs.shape[2]
    total = 0
    for task in prange(outputs.shape[1] * frames):
        sample, frame = task // frames, task % frames
        total += _frame_first(
            sample, frame, inputs, shape, table, ground, start, law, places, outputs
        )
    return total
