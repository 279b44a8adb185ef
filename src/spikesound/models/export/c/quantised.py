"""Integer tables of a detector: weights of 8 or 16 bits, and the scales of sums and outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.c.folded import Doubles, FloatLayer, FloatReadout

Ints = npt.NDArray[np.int64]

ONE = 32767
"""Largest value of a feature or of a ReLU's output; 1.0 of a feature."""
LARGEST = {8: 127, 16: 32767}
"""Largest weight, by its bits."""
SUM_LIMIT = 2.0**29
"""Of the weights' and the bias's share of a sum: both together stay within 31 bits."""
DECAY_BITS, LOGIT_BITS, MOST_UNIT_BITS = 30, 12, 16


@dataclass(frozen=True)
class Layer:
    """A layer, or the read-out, in integers.

    The sum of output channel c is :math:`\\sum_i q_{ic} x_i`, in units of ``scales[c]``.

    Attributes
    ----------
    bits : of a weight, 8 or 16
    weights : (row, output channel), as in the float tables
    scales : (output channel,), what a sum of 1 is worth
    biases : in units of a sum, divided by ``unit``
    unit : of neurons and integrators with a potential: what a sum of 1 adds to it; else 1
    decay : of a potential, 2^30 is 1
    thresholds : (output channel,), of potentials; None: no spikes
    factors, shifts : of ReLU and read-out: an output is :math:`f_c y / 2^{s_c}`, rounded
    """

    bits: int
    weights: Ints
    scales: Doubles
    biases: Ints
    unit: int = 1
    decay: int = 0
    thresholds: Ints | None = None
    factors: Ints | None = None
    shifts: Ints | None = None

    @property
    def weight_bytes(self) -> int:
        """Size of the weights."""
        return int(self.weights.size * self.bits // 8)


@dataclass(frozen=True)
class Quantised:
    """A detector in integers: the float tables, which say the sizes, and the integer ones."""

    floats: list[FloatLayer]
    layers: list[Layer]
    readout: Layer


def quantised(
    layers: Sequence[FloatLayer],
    readout: FloatReadout,
    ranges: Sequence[float],
    bits: Sequence[int],
) -> Quantised:
    """Round a detector to integers, with a scale for each output channel.

    Parameters
    ----------
    ranges : the output of each ReLU layer that becomes 32767; not used of spiking layers
    bits : of the weights of each layer, and of the read-out's; those of 16 bits have as many of
        them as sums of 31 bits leave room for

    Raises
    ------
    SpikesoundError
        If the read-out reads both spikes and values.
    """
    read = [i for i, layer in enumerate(layers) if layer.read]
    kinds = {layers[i].rule is None for i in read}
    if len(kinds) > 1:
        raise SpikesoundError("a read-out of both spikes and values cannot be expressed in C")
    common = max(ranges[i] for i in read)
    tops = [common if layer.read else top for layer, top in zip(layers, ranges, strict=True)]
    found = hidden_layers(layers, tops, bits)
    last = layers[read[0]]
    largest, scale = (ONE, common / ONE) if last.rule is None else (last.rule.levels, 1.0)
    made = weights_of(readout.weights, readout.bias, largest, scale, bits[-1])
    made = with_potential(made, readout.bias, largest, readout.decay, None)
    worth = made.scales / made.unit * (1 - readout.decay) * 2**LOGIT_BITS
    factors, shifts = factors_of(worth)
    return Quantised(list(layers), found, replace(made, factors=factors, shifts=shifts))


def hidden_layers(
    layers: Sequence[FloatLayer], tops: Sequence[float], bits: Sequence[int]
) -> list[Layer]:
    """Return the layers before the read-out in integers; see :func:`quantised`."""
    found, largest, scale = [], ONE, 1 / ONE
    for layer, top, size in zip(layers, tops, bits, strict=False):
        flat = layer.weights.reshape(-1, layer.width)
        if layer.rule is None:
            made = weights_of(flat, layer.bias, largest, scale, size)
            factors, shifts = factors_of(made.scales * ONE / top)
            found.append(replace(made, factors=factors, shifts=shifts))
            largest, scale = ONE, top / ONE
        else:
            rule = layer.rule
            made = weights_of(flat, layer.bias, largest, scale, size, rule.threshold)
            made = with_potential(made, layer.bias, largest, rule.decay, rule.threshold)
            found.append(made)
            largest, scale = rule.levels, 1.0
    return found


def weights_of(
    weights: Doubles, bias: Doubles, largest: int, scale: float, bits: int, threshold: float = 0.0
) -> Layer:
    """Round weights (row, output) of inputs of at most ``largest``, of ``scale`` each."""
    tops = np.abs(weights).max(0)
    tops[tops == 0] = 1.0
    spread = np.abs(weights).sum(0) / tops  # inputs of largest weight that sum as all do
    room = np.floor(SUM_LIMIT / largest / np.maximum(spread, 1))
    units = tops / np.minimum(LARGEST[bits], np.maximum(room, 1))
    # A bias or threshold far above the weights would leave the range of a sum.
    units = np.maximum(units, (np.abs(bias) + threshold) / (SUM_LIMIT / 2) / scale)
    sums = units * scale
    return Layer(bits, _rounded(weights / units), sums, _rounded(bias / sums))


def with_potential(
    layer: Layer, bias: Doubles, largest: int, decay: float, threshold: float | None
) -> Layer:
    """Give a layer potentials with as many bits behind the point as they have room for."""
    sums = np.abs(layer.weights).sum(0) * largest + (np.abs(bias) + (threshold or 0)) / layer.scales
    most = float(sums.max()) * min(1 / max(1 - decay, 1e-9), 16.0)
    unit = 2 ** max(0, min(MOST_UNIT_BITS, math.floor(30 - math.log2(max(most, 1.0)))))
    level = None if threshold is None else _rounded(threshold / layer.scales * unit)
    biases = _rounded(bias / layer.scales * unit)
    whole = round(decay * 2**DECAY_BITS)
    return replace(layer, biases=biases, unit=unit, decay=whole, thresholds=level)


def factors_of(worth: Doubles, bits: int = 31) -> tuple[Ints, Ints]:
    """Return factors of some bits and shifts from 1 to 62: :math:`f / 2^s` is ``worth``."""
    exponents = np.frexp(worth)[1]
    shifts = np.clip(bits - exponents, 1, 62)
    factors = np.minimum(_rounded(worth * 2.0**shifts), 2**bits - 1)
    return factors, shifts.astype(np.int64)


def _rounded(values: Doubles) -> Ints:
    found: Ints = np.rint(values).astype(np.int64)
    return found
