"""Counters of depthwise-separable convolutions, and of the mean over all places."""

from __future__ import annotations

from dataclasses import replace

import torch

from spikesound.costs.active import active_by_place, active_count, ever_active
from spikesound.costs.context import Context
from spikesound.costs.fan_out import fan_out_of
from spikesound.costs.layer import LayerCounts
from spikesound.costs.of_clip import additions
from spikesound.models.grid import Geometry
from spikesound.models.layers import Layer
from spikesound.models.networks.yamnet import Everywhere, Strided


def strided_convolution(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count a convolution of a stride and of groups on (step, batch, channel, frame, bin).

    A place of the input reaches the output channels of its own group alone, in its own patch.
    """
    grid = layer.geometry
    assert isinstance(grid, Strided)
    passes, clips, inputs, rows, columns = x.shape
    steps, _, outputs, *size = output.shape
    patches = grid.patches(rows)
    shape = Geometry(
        (grid.kernel, grid.kernel),
        (grid.step, grid.step),
        (grid.before, grid.before),
        (size[0] // patches, size[1]),
        grid.kernel**2,
    )
    reach = fan_out_of(shape, rows // patches, columns).repeat(patches, 1) * (
        outputs // grid.groups
    )
    active = active_by_place(x)
    once = active if passes == 1 else active_by_place(ever_active(x))
    neurons = outputs * size[0] * size[1]
    return [
        LayerCounts(
            layer.name, "convolution", context.source, context.operation, context.neuron, passes,
            steps, inputs * rows * columns, neurons,
            outputs * (inputs // grid.groups) * grid.kernel**2 + outputs, 0,
            dense=passes * clips * inputs * float(reach.sum()),
            effective=float((active * reach).sum()),
            active_inputs=float(active.sum()),
            active_outputs=active_count(output),
            neuron_updates=float(steps * clips * neurons),
            distinct=float((once * reach).sum()),
        )
    ]  # fmt: skip


def mean_pooling(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count the sum of (step, batch, channel, frame, bin) over all but batch and channels."""
    assert isinstance(layer.geometry, Everywhere)
    steps, clips, channels, frames, bins = x.shape
    active = active_count(x)
    sums = additions(layer.name, context.source, active, channels * frames * bins)
    dense = float(clips * steps * channels * frames * bins)
    return [replace(sums, passes=steps, outputs=channels, dense=dense, active_inputs=active)]
