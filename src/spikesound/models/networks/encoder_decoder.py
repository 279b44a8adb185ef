"""An encoder-decoder over the spectrogram, read at several scales: StereoSpike on sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import Layer, Source, output_of
from spikesound.models.networks.causal import CausalBlock, Spikes, State
from spikesound.models.networks.detector import Detector, MakeNeuron
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.nested_dropout import NestedDropout
from spikesound.models.networks.residual import Sum
from spikesound.params import EncoderDecoderParams

Step = Callable[[CausalBlock, torch.Tensor], torch.Tensor]
"""Runs a block on its input."""


class Scales(nn.Module):
    r"""Encoder, residual units and decoder over the bins; its output is that of every scale.

    With blocks E of the encoder, which merge bins, units R and blocks D of the decoder,

    .. math::
        e_i = E_i(e_{i-1}), \qquad
        d_S = R(e_S), \qquad
        d_i = D_i(\mathrm{up}(d_{i+1})) + e_i, \quad i = S - 1, \dots, 0

    where up repeats bins (nearest neighbour) until there are as many as in :math:`e_i`. What is
    added are outputs of neurons: of spiking ones numbers of spikes, each of which reaches the next
    synapses. A unit adds the output of two convolutions to its input. All convolutions are over
    this and earlier frames, and no frame is left out, so that the whole is causal.

    Parameters
    ----------
    params : channels and merged bins of each scale, the finest first; kernel; units
    bins : of the first scale, whose features (time, batch, channel x bin) are the input
    neuron : makes the neuron of each block

    Raises
    ------
    SpikesoundError
        If the encoder leaves no bin.
    """

    def __init__(self, params: EncoderDecoderParams, bins: int, neuron: MakeNeuron) -> None:
        super().__init__()
        channels, kernel = params.channels, params.kernel
        sizes = [bins]
        for pool in params.pools[1:]:
            sizes.append(sizes[-1] // pool)
        if sizes[-1] < 1:
            raise SpikesoundError(f"pools {params.pools} leave no bin")

        def block(inputs: int, outputs: int, bins: int, pool: int = 1) -> CausalBlock:
            return CausalBlock(inputs, outputs, bins, kernel, pool, neuron())

        widths = list(zip(pairwise(channels), sizes[:-1], params.pools[1:], strict=True))
        self.encoder = nn.ModuleList(block(*pair, size, pool) for pair, size, pool in widths)
        self.units = nn.ModuleList(
            nn.ModuleList(block(channels[-1], channels[-1], sizes[-1]) for _ in range(2))
            for _ in range(params.units)
        )
        self.decoder = nn.ModuleList(block(*pair[::-1], size) for pair, size, _ in widths[::-1])
        self.unit_sums = nn.ModuleList(Sum() for _ in self.units)
        self.skips = nn.ModuleList(Sum() for _ in self.decoder)
        self.input = channels[0], bins
        self.sizes = [c * size for c, size in zip(channels, sizes, strict=True)][-2::-1]
        self.features = sum(self.sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, feature) to all scales (time, batch, feature), the coarsest first."""
        return self._through(x, lambda block, x: block(x))

    def rest(self, batch: int) -> State:
        """Return the state before the first frame."""
        return [block.rest(batch) for block in self._blocks()]

    def advance(
        self, x: torch.Tensor, state: State, spikes: Spikes | None = None
    ) -> tuple[torch.Tensor, State]:
        """Map the next frames, and return the state after them."""
        before, after = iter(state), []

        def step(block: CausalBlock, x: torch.Tensor) -> torch.Tensor:
            out, then = block.advance(x, next(before), spikes)
            after.append(then)
            return out

        return self._through(x, step), after

    def layers_behind(self, source: Source) -> list[Layer]:
        """Return the blocks and sums in their order, the first of which reads the source."""
        every = self._blocks()
        blocks, neurons = iter(every), output_of(every[0].neuron)
        summed: Source = "spike_numbers" if neurons == "spikes" else neurons
        found: list[Layer] = []
        number = 1

        def convolution(source: Source) -> None:
            nonlocal number
            number += 1
            found.append(next(blocks).layer(f"convolution_{number}", source))

        def join(module: Any, before: str, source: Source) -> None:
            reads = before, found[-1].name
            found.append(
                Layer(f"join_{number}", "join", module, source, reads=reads, join=module.how,
                      by_frame=True)
            )  # fmt: skip

        scales = ["convolution_1"]
        for _ in self.encoder:
            convolution(source)
            source = neurons
            scales.append(found[-1].name)
        for module in self.unit_sums:
            before = found[-1].name
            convolution(source)
            convolution(neurons)
            join(module, before, source)
            source = summed
        for module, skipped in zip(self.skips, scales[-2::-1], strict=True):
            convolution(source)
            join(module, skipped, neurons)
            source = summed
        return found

    def _blocks(self) -> list[Any]:
        """Return the blocks in the order of computation."""
        units: list[Any] = [block for unit in self.units for block in unit]  # type: ignore[attr-defined]
        return [*self.encoder, *units, *self.decoder]

    def _through(self, x: torch.Tensor, step: Step) -> torch.Tensor:
        blocks = iter(self._blocks())
        channels, bins = self.input
        scales = [x.view(*x.shape[:2], channels, bins)]
        for _ in self.encoder:
            scales.append(step(next(blocks), scales[-1]))
        x = scales.pop()
        for summed in self.unit_sums:
            y = step(next(blocks), x)
            x = summed(x, step(next(blocks), y))
        outputs = []
        for skip, beside in zip(self.skips, reversed(scales), strict=True):
            x = skip(beside, step(next(blocks), repeated(x, beside.shape[-1])))
            outputs.append(x.flatten(2))
        return torch.cat(outputs, -1)


def repeated(x: torch.Tensor, bins: int) -> torch.Tensor:
    """Return (time, batch, channel, bin) with so many bins, each that of its nearest neighbour."""
    up = functional.interpolate(x.flatten(0, 1), size=bins, mode="nearest")
    return up.view(*x.shape[:2], *up.shape[1:])


class EncoderDecoder(Detector):
    r"""An encoder-decoder whose map is a sum over scales, refined from coarse to fine.

    Each scale of the decoder has a head, a linear map of its outputs; all heads charge one pool of
    neurons that do not spike, one for each value y of a frame's map,

    .. math::
        I_t = b + \sum_{s=1}^{S} W_s d_{s,t}, \qquad U_t = \beta U_{t-1} + (1 - \beta) I_t

    so that the map after scale s is the potential of the first s terms. In training some clips are
    read after a coarser scale (:class:`.NestedDropout`), which supervises every scale. The sum of
    heads is one linear layer of all scales' outputs, and is stored, counted and run as such.

    Parameters
    ----------
    params : scales, units, share of clips that are read after a coarser scale, dropout
    layout : bins, and values of a frame's map (classes); with or without a head for attention
    neuron : makes the neuron of each block

    References
    ----------
    Rançon, Cuadrado-Anibarro, Cottereau & Masquelier 2022, "StereoSpike: depth learning with a
    spiking neural network": strided encoder, two residual units, nearest-neighbour decoder, sums of
    spikes as skips, heads at all scales into one pool of integrators that do not fire. There the
    states are reset at each frame, heads are upsampling and convolution, and the loss is a sum over
    scales.
    """

    memory: Scales

    def __init__(self, params: EncoderDecoderParams, layout: Layout, neuron: MakeNeuron) -> None:
        first: Any = params.model_copy(
            update={"channels": params.channels[:1], "pools": params.pools[:1]}
        )
        bins = layout.bins // params.pools[0]
        super().__init__(first, layout, neuron, lambda inputs: Scales(params, bins, neuron))
        nested = NestedDropout(self.memory.sizes, params.coarse)
        self.dropout = nn.Sequential(nn.Dropout(params.dropout), nested)  # type: ignore[assignment]

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the map (time, batch, value) of clips after each scale, the coarsest first.

        The last is the output of a call, outside of training.
        """
        for block in self.front:
            x = block(x.unsqueeze(2))
        parts = torch.split(self.memory(x.flatten(2)), self.memory.sizes, -1)
        weights = torch.split(self.readout.weight, self.memory.sizes, 1)
        currents: torch.Tensor = self.readout.bias
        found = []
        for part, weight in zip(parts, weights, strict=True):
            currents = currents + functional.linear(part, weight)
            found.append(self.integrator(currents))
        return found

    def layers(self) -> list[Layer]:
        """Return the layers; the read-out reads the sums of the decoder's scales."""
        *inner, readout = super().layers()
        joins = [layer for layer in inner if layer.kind == "join"][-len(self.memory.sizes) :]
        neurons = output_of(self.front[0].neuron)  # type: ignore[arg-type]
        source: Source = "spike_numbers" if neurons == "spikes" else neurons
        reads = tuple(layer.name for layer in joins)
        return [*inner, replace(readout, source=source, reads=reads)]
