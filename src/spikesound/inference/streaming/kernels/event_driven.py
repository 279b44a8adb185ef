"""A spiking detector, frame by frame, with work only for inputs and spikes that are there."""

from __future__ import annotations

import numpy as np

from spikesound.inference.streaming.kernels.scatter import (
    BINS,
    CHANNELS,
    GROUND_AT,
    READOUT_AT,
    RING_AT,
    UNITS,
    UNITS_AT,
    WEIGHTS_AT,
    WIDTH,
    Sizes,
    add_weighted,
    find_starts,
    find_values,
    most,
    rows_of,
    scatter_spikes,
    scatter_values,
    slots,
    table_of,
)
from spikesound.snn.event_driven.add_rows import RUN, add_rows
from spikesound.snn.event_driven.bit_words import BITS, find_set, pack_bytes
from spikesound.snn.kernels.compiled import serial
from spikesound.snn.kernels.numba_lif import Bytes, Floats, Ints, advance

LAWS = 7
"""Figures of a layer's neurons: decay, threshold, factor and drop after a spike, steps held; of
adaptive ones decay, threshold, two that are not used, decay and rise of the threshold; of those
with several spikes a frame decay, their most, and what each of them takes off the potential; last
``ADAPTIVE``, ``SEVERAL`` or 0."""

ADAPTIVE, SEVERAL = 1.0, 2.0

TINY = np.float32(1e-30)
"""An adaptation below it is none: numbers that shrink for ever become slow to compute with."""


@serial
def adapt(currents: Floats, u: Floats, adaptation: Floats, spiked: Bytes, law: Floats) -> None:
    """Take one step of adaptive neurons: ``u``, ``adaptation`` and ``spiked`` are overwritten.

    The equations stand in :class:`spikesound.snn.neurons.alif.ALIF`.
    """
    beta, threshold, rho, rise = law[0], law[1], law[4], law[5]
    zero, one = np.float32(0), np.float32(1)
    for j in range(len(currents)):
        before = u[j] - (threshold + rise * adaptation[j]) > zero
        adapted = rho * adaptation[j] + (one if before else zero)
        adapted = adapted if adapted > TINY else zero
        after = beta * u[j] + currents[j] - (threshold if before else zero)
        u[j] = after
        adaptation[j] = adapted
        spiked[j] = after - (threshold + rise * adapted) > zero


@serial
def rounded(u: np.float32, most_spikes: np.float32) -> np.float32:
    """Return a potential as a number of spikes; 0 of what is no number, as in unused units."""
    return min(np.float32(np.rint(u)), most_spikes) if u > 0 else np.float32(0)


@serial
def number(currents: Floats, u: Floats, spikes: Bytes, law: Floats) -> None:
    """Take one frame of neurons with several spikes: ``u`` and ``spikes`` are overwritten.

    The equation stands in :class:`spikesound.snn.neurons.multi_spike_lif.MultiSpikeLIF`.
    """
    beta, most_spikes, drop = law[0], law[1], law[2]
    for j in range(len(currents)):
        after = beta * (u[j] - drop * rounded(u[j], most_spikes)) + currents[j]
        spikes[j] = np.uint8(rounded(after, most_spikes))
        u[j] = after


@serial
def fire(
    layer: Sizes, now: int, law: Floats, ground: Floats, floats: Floats, waits: Ints, fired: Bytes
) -> None:
    """Let a layer's neurons take frame ``now``, and clear its sums for the frame that comes next
    into their slot."""
    low, size = layer[UNITS_AT], layer[UNITS]
    at = layer[RING_AT] + now % slots(layer) * size
    currents, u = floats[at : at + size], floats[low : low + size]
    if law[6] == ADAPTIVE:
        low += len(waits)
        adapt(currents, u, floats[low : low + size], fired, law)
    elif law[6] == SEVERAL:
        number(currents, u, fired, law)
    else:
        rule = (law[0], law[1], law[2], law[3], int(law[4]))
        advance(currents, u, waits[low : low + size], fired, rule)
    start = layer[GROUND_AT]
    for j in range(size):
        currents[j] = ground[start + j]


@serial
def run_spikes(
    x: Floats,
    now: int,
    sizes: Sizes,
    weights: Floats,
    ground: Floats,
    laws: Floats,
    floats: Floats,
    waits: Ints,
    logits: Floats,
    spikes: Bytes,
) -> None:
    """Take frames ``x`` (time, bin), the first of them number ``now``, and fill ``logits``.

    Parameters
    ----------
    sizes : a row a layer (:mod:`.scatter`); the last is the readout's: its weights, rows
        (``CHANNELS``) and columns (``WIDTH``), and at ``RING_AT`` where the recurrent weights of
        the layer before it begin, -1 if it has none
    weights, ground : of all layers, one behind the other
    laws : a row a layer; in the last row the integrator's decay
    floats : potentials, adaptations, rings, and the integrator; overwritten
    waits : steps that neurons are held; overwritten
    logits : (time, class)
    spikes : of each frame their number, mostly one (time, unit of all layers); without rows if they
        are not wanted
    """
    layers = len(sizes) - 1
    last, read = sizes[layers - 1], sizes[layers]
    widest = most(sizes)
    active, values = np.empty(widest + RUN, np.int32), np.empty(widest, np.float32)
    starts, words = np.empty(widest + 2, np.int32), np.empty(widest // BITS + 1, np.uint64)
    spiked, sums = np.empty(widest, np.uint8), np.empty(read[WIDTH], np.float32)
    beta, one = laws[layers, 0], np.float32(1)
    readout = rows_of(weights, read[WEIGHTS_AT], read[CHANNELS], read[WIDTH])
    held = floats[len(floats) - read[WIDTH] :]
    for t in range(len(x)):
        sums[:] = ground[read[GROUND_AT] :]
        count = find_values(x[t], active, values, True)
        weighted = True  # inputs have values, and so have numbers of spikes
        for place in range(layers):
            layer = sizes[place]
            if count:
                find_starts(active, count, layer[CHANNELS], starts[: layer[BINS] + 1])
                ring, table = floats[layer[RING_AT] :], table_of(layer, weights)
                if weighted:
                    scatter_values(layer, now + t, active, values, starts, table, ring)
                else:
                    scatter_spikes(layer, now + t, active, starts, table, ring)
            size, low = layer[UNITS], layer[UNITS_AT]
            fired = spiked[:size]
            fire(layer, now + t, laws[place], ground, floats, waits, fired)
            weighted = laws[place, 6] == SEVERAL
            if weighted:
                count = find_values(fired, active, values, True)
            else:
                pack_bytes(fired, words[: size // BITS])
                count = find_set(words[: size // BITS], active)
            if layer[READOUT_AT] >= 0 and weighted:
                add_weighted(active, values, 0, count, layer[READOUT_AT], readout, sums, 0)
            elif layer[READOUT_AT] >= 0:
                add_rows(active, 0, count, layer[READOUT_AT], readout, sums, 0)
            if len(spikes):
                spikes[t, low : low + size] = fired
        if read[RING_AT] >= 0:  # its own spikes go to the next frame's sums, in the only slot
            own = rows_of(weights, read[RING_AT], last[WIDTH], last[WIDTH])
            add_rows(active, 0, count, 0, own, floats, last[RING_AT])
        for j in range(len(sums)):
            held[j] = beta * held[j] + (one - beta) * sums[j]
        logits[t] = held[: logits.shape[1]]
