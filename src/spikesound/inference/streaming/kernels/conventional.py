"""A conventional detector, frame by frame, in the way of the spiking one (:mod:`.event_driven`).

The same sums and rings, of values in place of spikes; with zeros left out or without.
"""

from __future__ import annotations

import math

import numpy as np

from spikesound.inference.streaming.kernels.scatter import (
    BINS,
    CHANNELS,
    GROUND_AT,
    READOUT_AT,
    RING_AT,
    UNITS,
    WEIGHTS_AT,
    WIDTH,
    Sizes,
    add_weighted,
    find_starts,
    find_values,
    most,
    rows_of,
    scatter_values,
    slots,
    table_of,
)
from spikesound.snn.kernels.compiled import inlined, serial
from spikesound.snn.kernels.numba_lif import Floats, Ints

RELU, GRU, LSTM = range(3)
"""Kind of the last layer; all others are ReLU."""


@inlined
def _sigmoid(x: np.float32) -> np.float32:
    one = np.float32(1)
    return one / (one + np.float32(math.exp(-x)))


@inlined
def _tanh(x: np.float32) -> np.float32:
    one, two = np.float32(1), np.float32(2)
    return two / (one + np.float32(math.exp(-two * x))) - one


@serial
def gru(inputs: Floats, own: Floats, hidden: Floats) -> None:
    """Take one step of a GRU: ``hidden`` is overwritten.

    .. math::
        r, z = \\sigma(x_{r,z} + h_{r,z}), \\quad n = \\tanh(x_n + r h_n), \\quad
        h' = (1 - z) n + z h

    Parameters
    ----------
    inputs, own : what input and state add to r, z and n, with their biases
    """
    size, one = len(hidden), np.float32(1)
    for j in range(size):
        r = _sigmoid(inputs[j] + own[j])
        z = _sigmoid(inputs[size + j] + own[size + j])
        n = _tanh(inputs[2 * size + j] + r * own[2 * size + j])
        hidden[j] = (one - z) * n + z * hidden[j]


@serial
def lstm(inputs: Floats, own: Floats, hidden: Floats, cell: Floats) -> None:
    """Take one step of an LSTM: ``hidden`` and ``cell`` are overwritten.

    .. math::
        i, f, o = \\sigma(x_{i,f,o} + h_{i,f,o}), \\quad c' = f c + i \\tanh(x_g + h_g), \\quad
        h' = o \\tanh(c')
    """
    size = len(hidden)
    for j in range(size):
        i = _sigmoid(inputs[j] + own[j])
        f = _sigmoid(inputs[size + j] + own[size + j])
        g = _tanh(inputs[2 * size + j] + own[2 * size + j])
        o = _sigmoid(inputs[3 * size + j] + own[3 * size + j])
        cell[j] = f * cell[j] + i * g
        hidden[j] = o * _tanh(cell[j])


@serial
def gates(
    last: Sizes,
    read: Sizes,
    weights: Floats,
    ground: Floats,
    inputs: Floats,
    floats: Floats,
    kind: int,
    active: Ints,
) -> Floats:
    """Take one step of a gated layer, and return its state, which is at the start of ``floats``."""
    size = read[CHANNELS]
    hidden = floats[:size]
    own = ground[last[GROUND_AT] + last[UNITS] :][: last[WIDTH]].copy()
    table = rows_of(weights, read[RING_AT], size, last[WIDTH])
    for j in range(size):
        active[j] = j
    add_weighted(active, hidden, 0, size, 0, table, own, 0)
    if kind == GRU:
        gru(inputs, own, hidden)
    else:
        lstm(inputs, own, hidden, floats[size : 2 * size])
    return hidden


@serial
def run_values(
    x: Floats,
    now: int,
    sizes: Sizes,
    weights: Floats,
    ground: Floats,
    kind: int,
    beta: np.float32,
    skip: bool,
    floats: Floats,
    logits: Floats,
) -> None:
    """Take frames ``x`` (time, bin), the first of them number ``now``, and fill ``logits``.

    Parameters
    ----------
    sizes, weights, ground : as in :func:`.event_driven.run_spikes`; behind a gated layer's ground
        stand the biases of what its state adds
    kind : of the last layer
    beta : decay of the integrator
    skip : whether zeros are left out
    floats : states of a gated layer, rings, and the integrator; overwritten
    logits : (time, class)
    """
    layers = len(sizes) - 1
    last, read = sizes[layers - 1], sizes[layers]
    widest, one = most(sizes), np.float32(1)
    active, values = np.empty(widest + 1, np.int32), np.empty(widest + 1, np.float32)
    starts, sums = np.empty(widest + 2, np.int32), np.empty(read[WIDTH], np.float32)
    readout = rows_of(weights, read[WEIGHTS_AT], read[CHANNELS], read[WIDTH])
    held = floats[len(floats) - read[WIDTH] :]
    for t in range(len(x)):
        sums[:] = ground[read[GROUND_AT] :]
        count = find_values(x[t], active, values, skip)
        for number in range(layers):
            layer = sizes[number]
            find_starts(active, count, layer[CHANNELS], starts[: layer[BINS] + 1])
            ring = floats[layer[RING_AT] :]
            table = table_of(layer, weights)
            scatter_values(layer, now + t, active, values, starts, table, ring)
            size, start = layer[UNITS], layer[GROUND_AT]
            at = (now + t) % slots(layer) * size
            currents = ring[at : at + size]
            if kind != RELU and number == layers - 1:
                hidden = gates(last, read, weights, ground, currents, floats, kind, active)
                count = find_values(hidden, active, values, False)
            else:
                for j in range(size):
                    currents[j] = max(currents[j], np.float32(0))
                count = find_values(currents, active, values, skip)
            if layer[READOUT_AT] >= 0:
                add_weighted(active, values, 0, count, layer[READOUT_AT], readout, sums, 0)
            for j in range(size):
                currents[j] = ground[start + j]
        for j in range(len(sums)):
            held[j] = beta * held[j] + (one - beta) * sums[j]
        logits[t] = held[: logits.shape[1]]
