"""Counters of the layers that local rules make: competing neurons, and a self-organising map."""

from __future__ import annotations

from dataclasses import replace

import torch

from spikesound.costs.active import active_count, ever_active
from spikesound.costs.context import Context
from spikesound.costs.layer import LayerCounts
from spikesound.costs.of_clip import additions
from spikesound.models.layers import Layer


def competition(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count neurons of some frames and all bins on (step, batch, frame, bin), of which one wins.

    To find the winner each potential is compared once; each spike is counted once.
    """
    assert layer.synapses is not None
    weight = layer.synapses.weight
    assert isinstance(weight, torch.Tensor)
    steps, clips, frames, bins = x.shape
    neurons, width, _ = weight.shape
    places = frames - width + 1
    at = torch.arange(frames)
    reach = neurons * torch.minimum(
        torch.minimum(at + 1, frames - at), torch.tensor(min(width, places))
    )
    active, spikes = torch.count_nonzero(x, dim=(0, 1, 3)), active_count(output)
    updates = float(steps * clips * neurons * places)
    counts = LayerCounts(
        layer.name, "convolution", context.source, context.operation, context.neuron, steps, steps,
        frames * bins, neurons * places, weight.numel(), 0,
        dense=float(steps * clips * bins * reach.sum()),
        effective=float((active * reach).sum()),
        active_inputs=float(active.sum()),
        active_outputs=spikes,
        neuron_updates=updates,
        distinct=float((torch.count_nonzero(ever_active(x), dim=(0, 1, 3)) * reach).sum()),
    )  # fmt: skip
    compared = additions("competition", "activations", updates, 0)
    counted = additions("counting", "spikes", spikes, neurons * places)
    return [counts, replace(compared, passes=steps, steps=steps), counted]


def decoding(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count the sum over steps of spikes (step, batch, frame, bin); values need none."""
    if context.operation == "mac":
        return []
    steps, _, frames, bins = x.shape
    sums = additions(layer.name, "spikes", active_count(x), frames * bins)
    return [replace(sums, operation=context.operation, passes=steps, dense=float(x.numel()))]


def best_matching(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count a map of units on values (frame, batch, bin), of which one spikes in each frame."""
    frames, clips, bins = x.shape
    units, active = output.shape[-1], active_count(x)
    return [
        LayerCounts(
            layer.name, "linear", context.source, context.operation, context.neuron, frames, frames,
            bins, units, units * (bins + 1), 0, float(clips * frames * bins * units),
            active * units, active, float(clips * frames), float(clips * frames * units),
            active_count(ever_active(x)) * units,
        )
    ]  # fmt: skip
