"""A classifier of clips in integers: its tables, and in Python what the C code computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikesound.models.export.c.clip_folded import FloatClip, Rows
from spikesound.models.export.c.folded import FloatLayer
from spikesound.models.export.c.quantised import (
    LARGEST,
    LOGIT_BITS,
    ONE,
    Ints,
    Layer,
    factors_of,
    hidden_layers,
)
from spikesound.models.export.c.reference import product, relu_of, scaled, sigmoid_of, spikes_of

EXPONENTIALS = np.rint(2.0 ** (30 - np.arange(65) / 64)).astype(np.int64)
"""2^(-i / 64) in units of 2^-30."""
LOG2_E = 94548
"""log2(e) in units of 2^-16."""
LOGIT_LIMIT = 2**24
FACTOR_BITS = 24
"""So that a factor times a sum of the read-out, of at most 38 bits, has 62."""
SUM_BITS = 38


@dataclass(frozen=True)
class QuantisedClip:
    """A classifier in integers: the float tables, which say the sizes, and the integer ones."""

    floats: FloatClip
    layers: list[Layer]
    readout: Layer


@dataclass(frozen=True)
class ScoredClip:
    """Logits (class,), 4096 is 1; probabilities (class,), 32768 is 1; additions in the layers."""

    logits: Ints
    probabilities: Ints
    operations: int


def quantised_clip(clip: FloatClip, ranges: Sequence[float], bits: Sequence[int]) -> QuantisedClip:
    """Round a classifier to integers; see :func:`.quantised.quantised`."""
    layers = hidden_layers(clip.layers, ranges, bits)
    last, height = clip.layers[-1], clip.rows[-1].outputs
    # What the read-out multiplies is (total + height most) of sums over steps and bins.
    worth = 1 / clip.steps if last.rule is not None else ranges[-1] / ONE
    worth /= last.places * height
    most = 2 * height * last.places * (clip.steps if last.rule is not None else ONE)
    room = 2.0 ** (SUM_BITS - 1) / most / len(clip.weights)
    tops = np.maximum(np.abs(clip.weights).max(0), 1e-12)
    units = tops / np.minimum(LARGEST[bits[-1]], max(1.0, np.floor(room)))
    units = np.maximum(units, np.abs(clip.bias) / worth / 2**30)
    sums = units * worth
    factors, shifts = factors_of(sums * 2**LOGIT_BITS, FACTOR_BITS)
    whole = np.rint(clip.weights / units).astype(np.int64)
    biases = np.rint(clip.bias / sums).astype(np.int64)
    readout = Layer(bits[-1], whole, sums, biases, factors=factors, shifts=shifts)
    return QuantisedClip(clip, layers, readout)


def integer_clip(network: QuantisedClip, features: Ints) -> ScoredClip:
    """Return the scores of one clip's features (frame, bin), 32767 is 1."""
    clip = network.floats
    x, operations = features[None], 0
    for floats, rows, layer in zip(clip.layers, clip.rows, network.layers, strict=True):
        sums, used = _sums(floats, rows, layer, x)
        operations += used
        if floats.rule is None:
            x = relu_of(sums, layer)
        else:
            at_steps = np.broadcast_to(sums, (clip.steps, *sums.shape[1:]))
            x = spikes_of(at_steps, layer, floats.rule)
        x = x.reshape(*x.shape[:2], -1)
    last = clip.layers[-1]
    by_row = x.reshape(len(x), len(x[0]), last.places, last.width).sum((0, 2))
    pooled = by_row.sum(0) + len(by_row) * by_row.max(0)
    readout = network.readout
    assert readout.factors is not None
    assert readout.shifts is not None
    sums = product(pooled, readout.weights) + readout.biases
    logits = np.clip(scaled(sums, readout.factors, readout.shifts), -LOGIT_LIMIT, LOGIT_LIMIT)
    probabilities = _softmax(logits) if clip.single else _sigmoids(logits)
    return ScoredClip(logits, probabilities, operations)


def _sigmoids(logits: Ints) -> Ints:
    return sigmoid_of(np.clip(logits, -65536, 65536))


def _softmax(logits: Ints) -> Ints:
    x = ((logits.max() - logits) * LOG2_E + 32768) >> 16
    whole, place, rest = x >> 12, (x >> 6) & 63, x & 63
    y = EXPONENTIALS[place]
    y = y - (((y - EXPONENTIALS[place + 1]) * rest + 32) >> 6)
    y = np.where(whole > 30, 0, y >> np.minimum(whole, 30))
    found: Ints = (y * 32768 + y.sum() // 2) // y.sum()
    return found


def _sums(floats: FloatLayer, rows: Rows, layer: Layer, x: Ints) -> tuple[Ints, int]:
    """Return sums (step, row, place, output channel), and the additions that took."""
    steps = len(x)
    right = max(0, (floats.places - 1) * floats.stride + floats.columns - floats.bins)
    maps = x.reshape(steps, rows.inputs, floats.bins, floats.channels)
    newest = rows.lead + np.arange(rows.outputs) * rows.stride
    before = floats.taps - 1
    after = max(0, int(newest[-1]) + 1 - rows.inputs)
    padded = np.pad(maps, ((0, 0), (before, after), (floats.padding, right), (0, 0)))
    columns = np.arange(floats.places)[:, None] * floats.stride + np.arange(floats.columns)
    windows = [padded[:, newest + before - tap][:, :, columns] for tap in range(floats.taps)]
    inputs = np.stack(windows, 3).reshape(steps, rows.outputs, floats.places, -1)
    return product(inputs, layer.weights), int((inputs != 0).sum()) * floats.width
