"""Counting the convolutional network, conventional and spiking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikesound.costs.active import active_by_place, active_count
from spikesound.costs.fan_out import Geometry, fan_out, geometry
from spikesound.costs.layer import LayerCounts, Source
from spikesound.costs.tally import Input, Tally
from spikesound.costs.widths import SPIKING
from spikesound.models.networks.cnn import CNN, Block, max_pooled
from spikesound.snn.neurons import SpikingNeuron


def watch_cnn(network: nn.Module, first: Input, tally: Tally) -> list[object]:
    """Hang hooks on each block and on the read-out; return their handles."""
    assert isinstance(network, CNN)
    blocks = [block for block in network.blocks if isinstance(block, Block)]
    handles: list[object] = []
    before: _BlockHook | None = None
    for number, block in enumerate(blocks, start=1):
        spiking = isinstance(block.neuron, SpikingNeuron)
        operation: Input = first if number == 1 else ("ac" if spiking else "mac")
        last = number == len(blocks)
        source: Source = "spikes" if operation != "mac" else "activations"
        before = _BlockHook(
            f"convolution_{number}",
            "sound" if number == 1 and operation == "mac" else source,
            operation,
            tally,
            before,
            last=last,
            at_once=network.output is None,
        )
        handles.append(block.register_forward_hook(before))
    handles.append(network.readout.register_forward_hook(_ReadoutHook(network, tally)))
    return handles


class _BlockHook:
    """Counts a block's convolution by its input, and the last block's pooling by its output.

    What a block puts out is what the next one takes in, and is counted there.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        operation: Input,
        tally: Tally,
        before: _BlockHook | None,
        *,
        last: bool,
        at_once: bool,
    ) -> None:
        self.name, self.source, self.operation, self.tally = name, source, operation, tally
        self.before, self.last, self.at_once = before, last, at_once
        self.reach: dict[tuple[int, int], tuple[Geometry, torch.Tensor]] = {}
        self.waiting: tuple[int, LayerCounts] | None = None

    def __call__(self, block: Block, arguments: tuple[Any, ...], output: torch.Tensor) -> None:
        x: torch.Tensor = arguments[0]
        passes, clips, inputs, rows, columns = x.shape
        steps, _, outputs, *size = output.shape
        if (rows, columns) not in self.reach:
            shape = geometry(block, rows, columns)
            self.reach[rows, columns] = shape, fan_out(shape, rows, columns) * outputs
        shape, reach = self.reach[rows, columns]
        active = active_by_place(x)
        neurons = outputs * size[0] * size[1]
        counts = LayerCounts(
            self.name,
            "convolution",
            self.source,
            self.operation,
            self.tally.neuron,
            passes,
            steps,
            inputs * rows * columns,
            neurons,
            outputs * inputs * shape.kernel[0] * shape.kernel[1] + outputs,
            shape.merged_bits,
            dense=passes * clips * inputs * float(reach.sum()),
            effective=float((active * reach).sum()),
            active_inputs=float(active.sum()),
            active_outputs=0.0,
            neuron_updates=float(steps * clips * neurons),
        )
        self.waiting = clips, counts
        if self.before is not None:
            self.before.finish(counts.active_inputs)
        if block.pooled is max_pooled:
            self._maxima(clips, passes, outputs, size)
        if self.last:
            active_outputs = active_count(output)
            self.finish(active_outputs)
            self._pooling(counts, clips, outputs, size[0], active_outputs)

    def finish(self, active_outputs: float) -> None:
        """Hand the batch's counts on, now that it is known what became of the outputs."""
        assert self.waiting is not None
        clips, counts = self.waiting
        self.tally.add(clips, replace(counts, active_outputs=active_outputs))
        self.waiting = None

    def _maxima(self, clips: int, passes: int, outputs: int, size: list[int]) -> None:
        """Add what cannot be merged: three comparisons and a batch norm for each pooled value."""
        places = outputs * size[0] * size[1]
        values = float(passes * clips * places)
        self.tally.add(clips, additions(f"maximum_{self.name}", "activations", 3 * values, places))
        norm = additions(f"norm_{self.name}", "activations", values, places)
        self.tally.add(clips, replace(norm, operation="mac", weights=2 * outputs))

    def _pooling(
        self, block: LayerCounts, clips: int, channels: int, frames: int, active: float
    ) -> None:
        """Add the sum of the outputs over steps and bins, and what is done over frames.

        With the read-out ``rate`` that is the mean and the maximum once, of what all steps came to;
        with any other, of each step.
        """
        source: Source = "spikes" if block.neuron in SPIKING else "activations"
        sums = additions("pooling", source, active, block.outputs)
        self.tally.add(
            clips,
            replace(
                sums,
                passes=block.steps,
                outputs=channels * frames,
                dense=float(clips * block.steps * block.outputs),
                active_inputs=active,
            ),
        )
        times = 1 if self.at_once else block.steps
        over = additions("pooling_frames", "pooled", 2.0 * channels * frames * clips * times, 0)
        self.tally.add(
            clips,
            replace(over, passes=times, steps=times, inputs=channels * frames, outputs=channels),
        )


def additions(name: str, source: Source, number: float, inputs: int) -> LayerCounts:
    """Return a layer without weights that adds or compares so many times."""
    return LayerCounts(
        name, "pooling", source, "ac", "none", 1, 1, inputs, inputs, 0, 0, number, number, number,
        number, 0.0,
    )  # fmt: skip


class _ReadoutHook:
    """Counts the linear read-out: its inputs are pooled values, whatever the network."""

    def __init__(self, network: CNN, tally: Tally) -> None:
        self.tally = tally
        output = network.output
        self.neuron = "none" if output is None else ("li" if output.neuron is None else "same")

    def __call__(self, layer: nn.Linear, arguments: tuple[Any, ...], scores: torch.Tensor) -> None:
        self.tally.add(*linear(layer, arguments[0], self.neuron, self.tally))


def linear(layer: nn.Linear, x: torch.Tensor, neuron: str, tally: Tally) -> tuple[int, LayerCounts]:
    """Return the counts of a linear layer on (..., batch, input) values: once, or at every step."""
    clips = x.shape[-2]
    passes = x.numel() // (clips * layer.in_features)
    active = active_count(x)
    updates = 0 if neuron == "none" else passes * clips * layer.out_features
    return clips, LayerCounts(
        "readout",
        "linear",
        "pooled",
        "mac",
        tally.neuron if neuron == "same" else neuron,
        passes,
        passes,
        layer.in_features,
        layer.out_features,
        layer.weight.numel() + (0 if layer.bias is None else layer.out_features),
        0,
        dense=float(x.numel() * layer.out_features),
        effective=active * layer.out_features,
        active_inputs=active,
        active_outputs=float(passes * clips * layer.out_features),
        neuron_updates=float(updates),
    )
