"""A detector in integers in Python: what the C code computes, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spikesound.models.export.c.folded import FloatLayer, Rule
from spikesound.models.export.c.quantised import DECAY_BITS, LOGIT_BITS, ONE, Ints, Layer, Quantised

LOGIT_LIMIT = 16 << LOGIT_BITS
SIGMOIDS = np.rint(32768 / (1 + np.exp(-np.arange(257) / 16))).astype(np.int64)
"""Sigmoid of i / 16, 32768 is 1."""
BOTTOM, TOP = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class Scored:
    """Probabilities (frame, class), 32768 is 1, and the additions in the layers (frame,)."""

    probabilities: Ints
    operations: Ints


def integer_scores(network: Quantised, features: Ints) -> Scored:
    """Return the scores of the frames of a sound, from rest.

    Parameters
    ----------
    features : (frame, bin), 32767 is 1
    """
    x, read = features, []
    operations = np.zeros(len(x), np.int64)
    for floats, layer in zip(network.floats, network.layers, strict=True):
        sums, used = _sums(floats, layer, x)
        operations += used
        rule = floats.rule
        x = relu_of(sums, layer) if rule is None else spikes_of(sums, layer, rule)
        x = x.reshape(len(x), -1)
        if floats.read:
            read.append(x)
    joined = np.concatenate(read, 1)
    operations += (joined != 0).sum(1) * network.readout.weights.shape[1]
    logits = np.stack(list(_logits(product(joined, network.readout.weights), network.readout)))
    return Scored(sigmoid_of(logits), operations)


def _sums(floats: FloatLayer, layer: Layer, x: Ints) -> tuple[Ints, Ints]:
    """Return sums (frame, place, output channel), and the additions that took (frame,)."""
    before = (floats.taps - 1) * floats.dilation
    right = max(0, (floats.places - 1) * floats.stride + floats.columns - floats.bins)
    maps = x.reshape(len(x), floats.bins, floats.channels)
    padded = np.pad(maps, ((before, 0), (floats.padding, right), (0, 0)))
    windows = []
    for tap in range(floats.taps):
        frames = padded[before - tap * floats.dilation :][: len(x)]
        starts = np.arange(floats.places)[:, None] * floats.stride
        windows.append(frames[:, starts + np.arange(floats.columns)])
    inputs = np.stack(windows, 2).reshape(len(x), floats.places, -1)
    used = (inputs != 0).sum((1, 2)) * floats.width
    return product(inputs, layer.weights), used


def product(inputs: Ints, weights: Ints) -> Ints:
    """Return inputs (..., row) times weights (row, output)."""
    # Float64 holds integers to 2^53, and sums stay below 2^31: exact, and fast.
    found: Ints = (inputs.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
    return found


def relu_of(sums: Ints, layer: Layer) -> Ints:
    """Return a ReLU layer's outputs of its sums (..., output channel)."""
    assert layer.factors is not None
    assert layer.shifts is not None
    found: Ints = np.clip(scaled(sums + layer.biases, layer.factors, layer.shifts), 0, ONE)
    return found


def spikes_of(sums: Ints, layer: Layer, rule: Rule) -> Ints:
    """Return the spikes, or spike counts, of sums (step, ..., output channel), from rest."""
    assert layer.thresholds is not None
    limits = [(2 * n + 1) * layer.thresholds for n in range(rule.levels)]
    u, spikes = np.zeros_like(sums[0]), np.zeros_like(sums)
    before = np.zeros_like(u)
    for t, current in enumerate(sums):
        v = u
        if rule.reset == "zero":
            v = np.where(before > 0, 0, u)
        elif rule.reset == "before_decay":
            v = np.clip(u - before * 2 * layer.thresholds, BOTTOM, TOP)
        after = _decayed(v, layer) + current * layer.unit + layer.biases
        if rule.reset == "subtract":
            after = after - before * layer.thresholds
        u = np.clip(after, BOTTOM, TOP)
        spikes[t] = before = np.sum([u > limit for limit in limits], axis=0)
    return spikes


def _logits(sums: Ints, layer: Layer) -> Iterator[Ints]:
    assert layer.factors is not None
    assert layer.shifts is not None
    u = np.zeros_like(sums[0])
    for current in sums:
        u = np.clip(_decayed(u, layer) + current * layer.unit + layer.biases, BOTTOM, TOP)
        yield np.clip(scaled(u, layer.factors, layer.shifts), -LOGIT_LIMIT, LOGIT_LIMIT)


def _decayed(u: Ints, layer: Layer) -> Ints:
    found: Ints = (u * layer.decay + (1 << (DECAY_BITS - 1))) >> DECAY_BITS
    return found


def scaled(x: Ints, factors: Ints, shifts: Ints) -> Ints:
    """Return :math:`x f / 2^s`, rounded."""
    found: Ints = (x * factors + (1 << (shifts - 1))) >> shifts
    return found


def sigmoid_of(logits: Ints) -> Ints:
    """Return the sigmoid, 32768 is 1, of logits, 4096 is 1."""
    size = np.abs(logits)
    place, rest = np.minimum(size >> 8, 255), size & 255
    step = SIGMOIDS[place + 1] - SIGMOIDS[place]
    p = np.where(size >> 8 >= 256, SIGMOIDS[256], SIGMOIDS[place] + ((step * rest + 128) >> 8))
    found: Ints = np.where(logits < 0, 32768 - p, p)
    return found
