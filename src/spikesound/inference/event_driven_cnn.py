"""The spiking convolutional network for inference alone, with work only where there are spikes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.merged_pooling import LAWS, Array, Merged, merge, pack
from spikesound.models.folding import fold
from spikesound.models.grid import Grid
from spikesound.models.layers import InSteps, hidden, layers_of
from spikesound.models.networks.clip_pooling import FramePooling
from spikesound.snn.kernels.compiled import share_threads

CROSSOVER = 0.5
"""Density of input spikes above which a block's product is dense, about where both are as quick."""


class FrozenCNN:
    """A trained spiking CNN for inference alone.

    Each block's batch norm and pooling are merged into its convolution, once. Where a block's
    inputs are spikes, and no more of them than the crossover, the weights of the active inputs are
    added up; else the product is dense. Both have the network's sums in another order: currents
    differ by the rounding of float32, and a spike only where a potential is that near to its
    threshold. Where all sums are exact in float32 the spikes are the network's.

    It holds copies of the weights; training the network further does not change it.

    Parameters
    ----------
    network : its neurons LIF or IF, its pooling average, stride or outputs, over the clip by
        ``frames``, its readout ``rate``; float32, on the processor
    crossover : density of a block's input spikes up to which it is sparse

    Raises
    ------
    SpikesoundError
        If the network is of another kind.
    """

    def __init__(self, network: nn.Module, crossover: float = CROSSOVER) -> None:
        self._network = copy.deepcopy(_checked(network)).eval().requires_grad_(False)
        self._crossover = crossover
        fold(self._network)
        self._blocks: list[Any] = [layer.module for layer in hidden(self._network)]
        self._merged: dict[tuple[int, bool, bool], Merged] = {}

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to class scores (batch, class), from rest.

        The input has the layout's steps, or one, which is then repeated. Spikes are quickest; any
        other values, and inputs whose steps have weights, take the first block's dense product.

        Raises
        ------
        SpikesoundError
            If the input has another shape.
        """
        layout = self._network.layout
        shape = tuple(x.shape)
        if len(shape) != 4 or shape[0] not in (1, layout.steps) or shape[3] != layout.bins:
            raise SpikesoundError(
                f"input has shape {shape}; this network takes ({layout.steps} or 1, batch, frame, "
                f"{layout.bins})"
            )
        if not shape[1] or not shape[2] or x.device.type != "cpu":
            raise SpikesoundError(
                f"input has shape {shape} on {x.device}; needed are a clip and a frame, on cpu"
            )
        with torch.no_grad():
            share_threads()
            summary = torch.from_numpy(self._summary(x)).permute(0, 2, 1)
            scores: torch.Tensor = self._network.scores([summary])
        return scores

    def _summary(self, x: torch.Tensor) -> Array:
        """Return the last block's spikes, summed over steps and averaged over bins."""
        steps = self._network.layout.steps
        plain = self._network.step_weights is None and len(x) == steps
        spikes = pack(x) if plain else None
        summary = np.empty((0, 0, 0), np.float32)
        frames, bins = x.shape[2:]
        for number in range(len(self._blocks)):
            merged = self._ready(number, frames, bins)
            wanted = merged.size(frames, bins)
            if number == len(self._blocks) - 1:
                summary = np.empty((x.shape[1], wanted[0], merged.outputs), np.float32)
            if spikes is None:
                values = self._network.weighted(x.float())  # one step becomes all if they differ
                flat = values.flatten(0, 1).unsqueeze(1)
                spikes = merged.dense(flat, len(values), steps, summary)
            elif number and spikes.density > self._crossover:
                spikes = merged.dense(spikes.values(), steps, steps, summary)
            else:
                spikes = merged.sparse(spikes, summary)
            frames, bins = wanted
        return np.ascontiguousarray(summary[:, :, : self._network.readout.in_features])

    def _ready(self, number: int, frames: int, bins: int) -> Merged:
        key = number, frames > 1, bins > 1
        if key not in self._merged:
            self._merged[key] = merge(self._blocks[number], frames, bins, first=not number)
        return self._merged[key]


def _checked(network: nn.Module) -> Any:
    layers, inner, readout = layers_of(network), hidden(network), layers_of(network)[-1]
    joined = any(layer.reads for layer in layers)
    kinds = {layer.kind for layer in inner}
    if not isinstance(network, InSteps) or kinds != {"convolution"} or joined:
        raise SpikesoundError(f"a {type(network).__name__} cannot be frozen; valid: a CNN")
    if not isinstance(getattr(network, "pooling", None), FramePooling):
        raise SpikesoundError("networks.cnn.pooling: only 'frames' can be frozen")
    if readout.neuron is not None:
        raise SpikesoundError("a readout of neurons cannot be frozen; valid: rate")
    for layer in inner:
        assert isinstance(layer.geometry, Grid)
        if layer.geometry.pool == "max":
            raise SpikesoundError("pool 'max' cannot be frozen; valid: average, stride, outputs")
        if type(layer.neuron) not in LAWS:
            names = ", ".join(each.__name__ for each in LAWS)
            raise SpikesoundError(
                f"neuron {type(layer.neuron).__name__} cannot be frozen; valid: {names}"
            )
        if not isinstance(layer.norm, nn.BatchNorm2d | nn.Identity):
            raise SpikesoundError(
                f"norm {type(layer.norm).__name__} cannot be frozen; valid: BatchNorm2d"
            )
    for name, values in network.named_parameters():
        if values.dtype != torch.float32 or values.device.type != "cpu":
            raise SpikesoundError(
                f"{name} is {values.dtype} on {values.device}; a frozen network is float32 on cpu"
            )
    return network
