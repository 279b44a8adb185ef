"""Flash, RAM and operations of an exported detector."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikesound.models.export.c.folded import FloatLayer
from spikesound.models.export.c.front_end import Tables
from spikesound.models.export.c.quantised import Layer, Quantised
from spikesound.models.export.c.reference import SIGMOIDS


@dataclass(frozen=True)
class Part:
    """What one part of a detector takes.

    Attributes
    ----------
    flash, ram : tables and state, in bytes; the code comes on top
    operations : most multiply-adds (adds where inputs are spikes) of a frame
    """

    name: str
    kind: str
    flash: int
    ram: int
    operations: int


def slots(layer: FloatLayer) -> int:
    """Return how many frames of inputs a layer keeps."""
    return (layer.taps - 1) * layer.dilation + 1


def stored(layer: FloatLayer, of_spikes: bool) -> int:
    """Return the values, or bytes of eight spikes, of one frame of a layer's inputs."""
    size = layer.bins * layer.channels
    return -(-size // 8) if of_spikes else size


def of_spikes(network: Quantised) -> list[bool]:
    """Return whether each layer's inputs are spikes."""
    return [False, *(layer.rule is not None for layer in network.floats[:-1])]


def parts(network: Quantised, tables: Tables, longest: int) -> list[Part]:
    """Return front end, layers, read-out and decision.

    Parameters
    ----------
    longest : frames of the median filter
    """
    found = [front_end_part(tables)]
    widest = max(layer.units for layer in network.floats)
    for floats, layer, spikes in zip(
        network.floats, network.layers, of_spikes(network), strict=True
    ):
        ram = slots(floats) * stored(floats, spikes) * (1 if spikes else 2)
        ram += 0 if floats.rule is None else 4 * floats.units
        rows = layer.weights.shape[0] * floats.places
        kind = f"int{layer.bits}, {'spikes' if spikes else 'values'} in"
        kind += ", LIF" if floats.rule else ", ReLU"
        found.append(Part(floats.name, kind, flash_of(layer), ram, rows * floats.width))
    classes = network.readout.weights.shape[1]
    found.append(Part("sums under way", "int32", 0, 4 * widest, 0))
    readout = network.readout
    flash = flash_of(readout) + 2 * len(SIGMOIDS)
    ram = 4 * 2 * classes + 2 * classes
    found.append(Part("readout", f"int{readout.bits}", flash, ram, readout.weights.size))
    ram = (2 * longest + 3) * classes
    return [*found, Part("decision", "median, thresholds", 3 * classes, ram, 0)]


def flash_of(layer: Layer) -> int:
    """Return the bytes of a layer's tables."""
    channels = len(layer.scales)
    tables = [layer.biases, layer.thresholds, layer.factors]
    whole = 4 * channels * sum(table is not None for table in tables)
    return layer.weight_bytes + whole + (0 if layer.shifts is None else channels)


def front_end_part(tables: Tables) -> Part:
    """Return what the front end takes."""
    mels, bins, half = len(tables.gains), len(tables.bands), tables.window // 2
    flash = 2 * len(tables.hann) + 4 * len(tables.sines) + 5 * bins + 4 * 65 + 12 * mels
    ram = (2 + 4) * tables.window + 16 * mels
    transform = 4 * (half // 2) * int(math.log2(half))
    used = int((tables.slopes > 0).sum())
    products = tables.window + transform + 6 * bins + 2 * used + 2 * mels
    return Part("front end", "log-mel, int32", flash, ram, products)
