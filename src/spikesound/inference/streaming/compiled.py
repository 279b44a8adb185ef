"""Detectors for streams, compiled: what the spiking and the conventional ones have in common.

They stand in a detector's place where it hears one frame after another: :meth:`Compiled.rest` and
:meth:`Compiled.advance` are the same. A call takes some microseconds, in which each array that
Python makes or hands over counts; so all weights lie in one array, and the whole state in two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.folding import (
    Floats,
    Folded,
    Rounding,
    fold_block,
    fold_layer,
    fold_linear,
)
from spikesound.inference.streaming.kernels.scatter import (
    CHANNELS,
    FIELDS,
    GROUND_AT,
    HEARD_AT,
    RING_AT,
    UNITS,
    UNITS_AT,
    WEIGHTS_AT,
    Sizes,
)
from spikesound.models.networks.causal import CausalBlock, CausalLayer, Spikes
from spikesound.models.networks.detector import Convolutions, Detector


class Kept(NamedTuple):
    """What is kept between calls: frames that are gone, and all sums, potentials and waits."""

    now: int
    floats: Floats
    waits: npt.NDArray[np.int32]


class Compiled(ABC):
    """One clip, frame after frame.

    Parameters
    ----------
    network : trained; its weights are copied
    layers : those of the front, then those of its memory, all of which the read-out hears
    recurrent : weights of the last layer to itself (from, to), behind all others
    zeros : how many values the state has before its sums
    """

    def __init__(
        self,
        network: Detector,
        layers: list[Folded],
        recurrent: Floats | None,
        zeros: int,
        rounding: Rounding,
    ) -> None:
        self.layers = layers
        self.bins, self.classes = layers[0].bins, network.readout.out_features
        heard = len(layers) - len(network.front)
        read = _readout(network, layers[-heard:], rounding)
        self.beta = np.float32(network.integrator.beta.detach().clamp(0, 1).item())
        self.sizes = _laid_out([*layers, read], zeros)
        self.sizes[-1 - heard : -1, HEARD_AT] = np.arange(heard) * (len(read.weights) // heard)
        tables = [layer.weights.ravel() for layer in (*layers, read)]
        if recurrent is not None:
            self.sizes[-1, RING_AT] = sum(len(table) for table in tables)
            tables.append(recurrent.ravel())
        self.weights = np.concatenate(tables)
        self.ground = np.concatenate([layer.ground for layer in (*layers, read)])
        rings = [np.tile(each.ground[: each.units], _slots(each)) for each in layers]
        ends = np.zeros(zeros, np.float32), np.zeros(read.width, np.float32)
        self._start = np.concatenate([ends[0], *rings, ends[1]])
        self._waits = np.zeros(sum(layer.units for layer in layers), np.int32)

    def eval(self) -> Self:
        """Do nothing: it is for inference alone."""
        return self

    def rest(self, batch: int = 1) -> Kept:
        """Return the state before the first frame.

        Raises
        ------
        SpikesoundError
            If it is asked for more than one clip.
        """
        if batch != 1:
            raise SpikesoundError(f"a compiled detector takes one clip at a time, not {batch}")
        return Kept(0, self._start, self._waits)

    def advance(
        self, x: torch.Tensor, state: Kept, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, Kept]:
        """Map the next frames (time, 1, bin) to logits (time, 1, class), and the state.

        The state given stays as it is.

        Parameters
        ----------
        spikes : gets those of each spiking layer, from front to back

        Raises
        ------
        SpikesoundError
            If the frames have another shape; the kernels would not look.
        """
        if x.dim() != 3 or x.shape[1] != 1 or x.shape[2] != self.bins:
            raise SpikesoundError(
                f"frames have shape {tuple(x.shape)}; this detector takes (time, 1, {self.bins})"
            )
        frames = np.ascontiguousarray(x.detach().numpy()[:, 0], np.float32)
        logits = np.empty((len(frames), self.classes), np.float32)
        after = Kept(state.now + len(frames), state.floats.copy(), state.waits.copy())
        self.run(frames, state.now, after, logits, spikes)
        return torch.from_numpy(logits)[:, None], after

    @abstractmethod
    def run(self, x: Floats, now: int, after: Kept, logits: Floats, spikes: Spikes | None) -> None:
        """Take frames (time, bin), the first of them number ``now``: fill ``logits``, and overwrite
        the arrays of ``after``."""


def folded_front(network: Detector, rounding: Rounding) -> list[Folded]:
    """Fold the blocks, and the causal layers if there are any."""
    layers: list[Folded] = []
    for block in network.front:
        assert isinstance(block, CausalBlock)
        layers.append(fold_block(block, layers[-1].width if layers else 1, rounding))
    if isinstance(network.memory, Convolutions):
        for layer in network.memory.layers:
            assert isinstance(layer, CausalLayer)
            layers.append(fold_layer(layer, layers[-1], rounding))
    return layers


def neurons(network: Detector) -> list[Any]:
    """Return each layer's neurons, from front to back; of a gated layer there are none."""
    memory: Any = network.memory
    behind = [layer.neuron for layer in getattr(memory, "layers", [])]
    if hasattr(memory, "neuron"):
        behind.append(memory.neuron)
    return [block.neuron for block in network.front] + behind


def _readout(network: Detector, heard: list[Folded], rounding: Rounding) -> Folded:
    """Fold the read-out: the rows of all layers that it hears, one layer behind the other."""
    parts = []
    for layer, weight in zip(heard, network.readout.weight.chunk(len(heard), 1), strict=True):
        size = weight.shape[1]
        # Of gates the state is read, which is narrower than they are.
        before = replace(layer, shape=(size,), width=rounding.wide(size))
        parts.append(fold_linear(weight, network.readout.bias, before, rounding))
    weights = np.concatenate([part.weights for part in parts])
    ground = np.nan_to_num(parts[0].ground[: parts[0].width], neginf=0.0)
    return replace(parts[0], weights=weights, ground=ground)


def _slots(layer: Folded) -> int:
    return (layer.taps - 1) * layer.dilation + 1


def _laid_out(layers: list[Folded], zeros: int) -> Sizes:
    """Return the row of each layer: its shape, and where its parts begin in the flat arrays."""
    sizes = np.full((len(layers), FIELDS), -1, np.int64)
    at = {WEIGHTS_AT: 0, GROUND_AT: 0, RING_AT: zeros, UNITS_AT: 0}
    for row, layer in zip(sizes, layers, strict=True):
        row[: UNITS + 1] = (
            layer.taps, layer.dilation, layer.columns, layer.stride, layer.padding, layer.bins,
            layer.channels, layer.places, layer.width, layer.units,
        )  # fmt: skip
        for field, where in at.items():
            row[field] = where
        at[WEIGHTS_AT] += layer.weights.size
        at[GROUND_AT] += len(layer.ground)
        at[RING_AT] += _slots(layer) * layer.units
        at[UNITS_AT] += layer.units
    sizes[-1, CHANNELS] = len(layers[-1].weights)
    sizes[-1, RING_AT] = -1
    return sizes
