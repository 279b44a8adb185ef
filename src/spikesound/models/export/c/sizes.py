"""Flash, RAM and operations of an exported detector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from spikesound.models.export.c.folded import FloatLayer
from spikesound.models.export.c.front_end import Tables
from spikesound.models.export.c.quantised import Layer, Quantised
from spikesound.models.export.c.reference import SIGMOIDS

Inputs = Literal["VALUES", "SPIKES", "COUNTS"]
"""What a layer reads: values of 16 bits, spikes of which eight are a byte, spike counts."""


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


def stored(layer: FloatLayer, inputs: Inputs) -> int:
    """Return the values, or the bytes of spikes, of one frame of a layer's inputs."""
    size = layer.bins * layer.channels
    return -(-size // 8) if inputs == "SPIKES" else size


def inputs_of(layers: Sequence[FloatLayer]) -> list[Inputs]:
    """Return what each layer's inputs are."""
    return ["VALUES", *map(_outputs, layers[:-1])]


def _outputs(layer: FloatLayer) -> Inputs:
    if layer.rule is None:
        return "VALUES"
    return "SPIKES" if layer.rule.levels == 1 else "COUNTS"


def room(sizes: Sequence[int], kinds: Sequence[Inputs]) -> dict[str, int]:
    """Return the values, and the bytes of spikes, of the inputs that all layers keep."""
    values = sum(size for size, kind in zip(sizes, kinds, strict=True) if kind == "VALUES")
    return {"VALUES": values, "SPIKES": max(1, sum(sizes) - values)}


def kind_of(layer: FloatLayer, inputs: Inputs, bits: int) -> str:
    """Return the text that says a layer's weights, inputs and neurons."""
    number = 0 if layer.rule is None else layer.rule.levels
    neurons = "ReLU" if not number else "LIF" if number == 1 else f"LIF x{number}"
    return f"int{bits}, {inputs.lower()} in, {neurons}"


def parts(network: Quantised, tables: Tables, longest: int) -> list[Part]:
    """Return front end, layers, read-out and decision.

    Parameters
    ----------
    longest : frames of the median filter
    """
    found = [front_end_part(tables)]
    widest = max(layer.units for layer in network.floats)
    for floats, layer, inputs in zip(
        network.floats, network.layers, inputs_of(network.floats), strict=True
    ):
        ram = slots(floats) * stored(floats, inputs) * (2 if inputs == "VALUES" else 1)
        ram += 0 if floats.rule is None else 4 * floats.units
        rows = layer.weights.shape[0] * floats.places
        kind = kind_of(floats, inputs, layer.bits)
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
