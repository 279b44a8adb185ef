"""A strided convolution and its neurons in one pass, with work only for the inputs that spiked.

Shapes: spikes as words (time, sample, frame, word), the bits of a frame being (bin, channel); so
the inputs under one row of a kernel are one run of bits. Weights (kernel row x kernel column x
input channel, output channel): what one input adds to a place lies in one piece. Input and output
channels are padded to a multiple of ``LANES`` by channels that never spike.

A task is some frames of one sample. It goes through time outside and through places inside: the
potentials of all its places stay in the nearest cache, and the spikes of an input frame are
searched for once a step. Results do not depend on how frames are shared out.

What is the same at all places stands in a tuple ``shape``: kernel rows, kernel columns, strides of
frames and bins, paddings of both, input bins. All arrays must fit it: the kernels do not look.
"""

from __future__ import annotations

import numpy as np

from spikesound.snn.event_driven.add_rows import RUN, add_rows, copy_run
from spikesound.snn.event_driven.bit_words import (
    BITS,
    Words,
    bits_set,
    count_set,
    lowest_bit,
    pack_bytes,
)
from spikesound.snn.kernels.compiled import parallel, prange, serial
from spikesound.snn.kernels.numba_lif import Bytes, Floats, Ints, Law, advance

Shape = tuple[int, int, int, int, int, int, int]


@serial
def _find(words: Words, channels: int, active: Ints, starts: Ints) -> None:
    """Write the numbers of the set bits into ``active``, and where each bin's begin; rising."""
    count = 0
    column = 0
    last = len(starts) - 1
    for w in range(len(words)):
        word = words[w]
        while column < last and column * channels < (w + 1) * BITS:
            below = (np.uint64(1) << np.uint64(column * channels - w * BITS)) - np.uint64(1)
            starts[column] = count + int(bits_set(word & below))
            column += 1
        while word != np.uint64(0):
            active[count] = w * BITS + int(lowest_bit(word))
            count += 1
            word &= word - np.uint64(1)
    starts[last] = count


@serial
def spike(
    currents: Floats, u: Floats, wait: Ints, spiked: Bytes, law: Law, out: Words, counts: Floats
) -> int:
    """Advance the neurons of a frame by one step: write their spikes, and return how many.

    ``counts``, if not empty, are raised by them.
    """
    advance(currents, u, wait, spiked, law)
    pack_bytes(spiked, out)
    for j in range(len(counts)):
        counts[j] += spiked[j]
    return count_set(out)


@serial
def average(counts: Floats, places: int, out: Floats) -> None:
    """Average the counts (place x channel) over places."""
    out[:] = 0
    channels = len(out)
    for place in range(places):
        for j in range(channels):
            out[j] += counts[place * channels + j]
    for j in range(channels):
        out[j] /= np.float32(places)


@serial
def _frames(
    sample: int,
    low: int,
    high: int,
    inputs: Words,
    shape: Shape,
    weights: Floats,
    ground: Floats,
    start: np.float32,
    law: Law,
    places: int,
    outputs: Words,
    summary: Floats,
) -> int:
    rows, columns, down, right, over, beside, bins = shape
    channels = weights.shape[0] // (rows * columns)
    units = len(ground)
    currents = np.empty(units, np.float32)
    u = np.full((high - low, units), start, np.float32)
    wait = np.zeros((high - low, units), np.int32)
    counts = np.zeros((high - low, units if len(summary) else 0), np.float32)
    spiked = np.zeros(units, np.uint8)
    # Those of the last input frames, and of one place.
    capacity = inputs.shape[3] * BITS + RUN
    active = np.empty((rows, capacity), np.int32)
    chosen = np.empty(weights.shape[0] + RUN, np.int32)
    starts = np.empty((rows, bins + 1), np.int32)
    total = 0
    for t in range(len(inputs)):
        found = 0  # input frames below it are in active, or not needed any more
        for frame in range(low, high):
            top = frame * down - over
            bottom = min(top + rows, inputs.shape[2])
            for i in range(max(found, top), bottom):
                _find(inputs[t, sample, i], channels, active[i % rows], starts[i % rows])
            found = max(found, bottom)
            for j in range(units):
                currents[j] = ground[j]
            for place in range(places):
                left = place * right - beside
                first, last = min(max(left, 0), bins), min(left + columns, bins)
                count = 0
                for i in range(max(top, 0), bottom):
                    slot = i % rows
                    shift = ((i - top) * columns - left) * channels
                    a, b = starts[slot, first], starts[slot, last]
                    for k in range(0, b - a, RUN):
                        copy_run(active, slot * capacity + a + k, shift, chosen, count + k)
                    count += b - a
                add_rows(chosen, 0, count, 0, weights, currents, place * weights.shape[1])
            f = frame - low
            total += spike(
                currents, u[f], wait[f], spiked, law, outputs[t, sample, frame], counts[f]
            )
    if len(summary):
        for frame in range(low, high):
            average(counts[frame - low], places, summary[sample, frame])
    return total


@parallel
def convolve(
    inputs: Words,
    shape: Shape,
    weights: Floats,
    ground: Floats,
    start: np.float32,
    law: Law,
    places: int,
    share: int,
    outputs: Words,
    summary: Floats,
) -> int:
    """Fill ``outputs`` (time, sample, frame, word) and return the number of spikes, from rest.

    Parameters
    ----------
    ground : current (place x output channel) without spikes, padded with -inf to whole words
    start : potential at the start
    places : bins of an output frame
    share : frames of a task
    summary : (sample, frame, output channel), gets the spikes summed over time and averaged over
        bins; without rows if they are not wanted
    """
    frames = outputs.shape[2]
    tasks = (frames + share - 1) // share
    total = 0
    for task in prange(outputs.shape[1] * tasks):
        low = task % tasks * share
        total += _frames(
            task // tasks,
            low,
            min(low + share, frames),
            inputs,
            shape,
            weights,
            ground,
            start,
            law,
            places,
            outputs,
            summary,
        )
    return total


@serial
def _frame_given(
    sample: int,
    frame: int,
    given: Floats,
    places: int,
    start: np.float32,
    law: Law,
    outputs: Words,
    summary: Floats,
) -> int:
    units = given.shape[3]
    padded = outputs.shape[3] * BITS
    currents = np.full(padded, -np.inf, np.float32)
    u = np.full(padded, start, np.float32)
    wait = np.zeros(padded, np.int32)
    spiked = np.zeros(padded, np.uint8)
    counts = np.zeros(padded if len(summary) else 0, np.float32)
    total = 0
    for t in range(len(outputs)):
        now = given[t if len(given) > 1 else 0, sample, frame]
        for j in range(units):
            currents[j] = now[j]
        total += spike(currents, u, wait, spiked, law, outputs[t, sample, frame], counts)
    if len(summary):
        average(counts, places, summary[sample, frame])
    return total


@parallel
def fire(
    given: Floats,
    places: int,
    start: np.float32,
    law: Law,
    outputs: Words,
    summary: Floats,
) -> int:
    """Do as :func:`convolve`, from currents (time or 1, sample, frame, place x output channel).

    Where they have one time step it is taken at each.
    """
    frames = outputs.shape[2]
    total = 0
    for task in prange(outputs.shape[1] * frames):
        sample, frame = task // frames, task % frames
        total += _frame_given(sample, frame, given, places, start, law, outputs, summary)
    return total
