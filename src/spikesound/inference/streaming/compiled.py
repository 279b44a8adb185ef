"""Compiled detectors: what the event-driven and the conventional one have in common.

Like a :class:`~spikesound.models.networks.detector.Detector` they have :meth:`Compiled.rest` and
:meth:`Compiled.advance`. A call takes some microseconds, in which each array that Python makes or
passes counts; so all weights lie in one array, and the whole state in two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.folding import (
    Floats,
    Folded,
    Rounding,
    fold_layers,
    fold_linear,
)
from spikesound.inference.streaming.kernels.scatter import (
    CHANNELS,
    FIELDS,
    GROUND_AT,
    READOUT_AT,
    RING_AT,
    UNITS,
    UNITS_AT,
    WEIGHTS_AT,
    Sizes,
)
from spikesound.models.layers import Layer, layers_of
from spikesound.models.networks.causal import Integrator, Spikes


class State(NamedTuple):
    """State between calls: the number of frames so far; sums, potentials and waits of neurons."""

    frames: int
    floats: Floats
    waits: npt.NDArray[np.int32]


class Compiled(ABC):
    """A detector of one clip, frame by frame. The result does not depend on the chunks.

    Parameters
    ----------
    network : trained; its weights are copied
    rounding : of the sizes of its layers
    unit_states : values that each unit keeps in the state, before its sums
    layer_states : values that the last layer keeps there

    Raises
    ------
    SpikesoundError
        If a layer is of a kind that is not compiled.
    """

    def __init__(
        self, network: nn.Module, rounding: Rounding, *, unit_states: int = 0, layer_states: int = 0
    ) -> None:
        inner, last = split(network)
        read = len(last.reads)
        layers = self.layers = fold_layers(inner, rounding)
        readout = _readout(last, layers[-read:], rounding)
        self.bins, self.classes = layers[0].bins, readout.shape[0]
        integrator: Any = last.neuron
        self.beta = np.float32(integrator.beta.detach().clamp(0, 1).item())
        units = sum(layer.units for layer in layers)
        states = unit_states * units + layer_states
        self.sizes = _sizes([*layers, readout], states)
        rows = len(readout.weights) // read
        self.sizes[-1 - read : -1, READOUT_AT] = np.arange(read) * rows
        tables = [layer.weights.ravel() for layer in (*layers, readout)]
        if layers[-1].recurrent is not None:
            self.sizes[-1, RING_AT] = sum(len(table) for table in tables)
            tables.append(layers[-1].recurrent.ravel())
        self.weights = np.concatenate(tables)
        self.ground = np.concatenate([layer.ground for layer in (*layers, readout)])
        rings = [np.tile(each.ground[: each.units], _slots(each)) for each in layers]
        ends = np.zeros(states, np.float32), np.zeros(readout.width, np.float32)
        self._start = np.concatenate([ends[0], *rings, ends[1]])
        self._waits = np.zeros(units, np.int32)

    def rest(self, batch: int = 1) -> State:
        """Return the state before the first frame.

        Raises
        ------
        SpikesoundError
            If more than one clip is requested.
        """
        if batch != 1:
            raise SpikesoundError(f"a compiled detector: expected one clip at a time, got {batch}")
        return State(0, self._start, self._waits)

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames (time, 1, bin) to logits (time, 1, class), and the state after them.

        The state given stays as it is.

        Parameters
        ----------
        spikes : gets those of each spiking layer, from front to back

        Raises
        ------
        SpikesoundError
            If the frames have another shape; the kernels do not check it.
        """
        if x.dim() != 3 or x.shape[1] != 1 or x.shape[2] != self.bins:
            raise SpikesoundError(
                f"frames: expected shape (time, 1, {self.bins}), got {tuple(x.shape)}"
            )
        frames = np.ascontiguousarray(x.detach().numpy()[:, 0], np.float32)
        logits = np.empty((len(frames), self.classes), np.float32)
        after = State(state.frames + len(frames), state.floats.copy(), state.waits.copy())
        self.run(frames, state.frames, after, logits, spikes)
        return torch.from_numpy(logits)[:, None], after

    @abstractmethod
    def run(
        self, x: Floats, first: int, after: State, logits: Floats, spikes: Spikes | None
    ) -> None:
        """Take frames (time, bin), the first of them number ``first``: fill ``logits``, and
        overwrite the arrays of ``after``."""


def split(network: nn.Module) -> tuple[list[Layer], Layer]:
    """Return the layers before the readout, and the readout.

    Raises
    ------
    SpikesoundError
        If the network is not one that streams into integrators, or not float32 on the CPU.
    """
    *inner, last = layers_of(network)
    names = tuple(layer.name for layer in inner)
    streams = isinstance(last.neuron, Integrator) and all(layer.by_frame for layer in inner)
    if not streams or not last.reads or last.reads != names[-len(last.reads) :]:
        raise SpikesoundError(
            f"a {type(network).__name__} is not compiled; valid: layers frame by frame, the "
            "last of which an integrator reads"
        )
    for name, values in network.named_parameters():
        if values.dtype != torch.float32 or values.device.type != "cpu":
            raise SpikesoundError(
                f"{name} is {values.dtype} on {values.device}; compiled kernels take float32 on cpu"
            )
    return inner, last


def _readout(last: Layer, layers: list[Folded], rounding: Rounding) -> Folded:
    """Fold the readout: the rows of all layers that it reads, one layer behind the other."""
    synapses: Any = last.synapses
    parts = []
    for layer, weight in zip(layers, synapses.weight.chunk(len(layers), 1), strict=True):
        size = weight.shape[1]
        # Of gates the state is read, which is narrower than they are.
        before = replace(layer, shape=(size,), width=rounding.wide(size))
        parts.append(fold_linear(weight, synapses.bias, before, rounding))
    weights = np.concatenate([part.weights for part in parts])
    ground = np.nan_to_num(parts[0].ground[: parts[0].width], neginf=0.0)
    return replace(parts[0], weights=weights, ground=ground)


def _slots(layer: Folded) -> int:
    return (layer.taps - 1) * layer.dilation + 1


def _sizes(layers: list[Folded], states: int) -> Sizes:
    """Return the row of each layer: its shape, and where its parts begin in the flat arrays."""
    sizes = np.full((len(layers), FIELDS), -1, np.int64)
    at = {WEIGHTS_AT: 0, GROUND_AT: 0, RING_AT: states, UNITS_AT: 0}
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
