"""Counters of convolutions that leave something out: pruned kernels, or what has not changed."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from spikesound.costs.active import active_by_place, active_count, ever_active
from spikesound.costs.context import Context
from spikesound.costs.fan_out import fan_out
from spikesound.costs.layer import LayerCounts
from spikesound.costs.of_clip import averaged, convolution
from spikesound.models.layers import Layer
from spikesound.models.networks.pruned import Pruned
from spikesound.models.networks.sigma_delta import Changes, lag_of


def pruned_convolution(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count a convolution of which kernels of zeros do not exist, on (step, batch, channel, ...).

    Their operations are not carried out and their weights are not stored; which kernels exist is
    stored as a bit each. The first convolution has all of them.
    """
    assert isinstance(layer.geometry, Pruned)
    assert isinstance(layer.synapses, nn.Conv2d)
    whole, *besides = convolution(layer, x, output, context)
    x, shape, _ = averaged(layer, x, context)
    passes, clips, inputs, rows, columns = x.shape
    exists = (layer.synapses.weight.detach() != 0).flatten(2).any(2).float()  # (output, input)
    kernel = exists[:, :, None, None].expand(-1, -1, *shape.kernel)
    reach = fan_out(shape, rows, columns, kernel)  # (input, row, column)
    active = (x != 0).sum((0, 1)).double()
    once = ever_active(x).sum((0, 1)).double()
    stored = int(exists.sum()) * shape.weights + len(exists)
    index = 0 if inputs == 1 else -(-exists.numel() // 8)  # a bit a kernel, in weights of 8 bits
    counts = replace(
        whole,
        weights=stored + index,
        dense=passes * clips * float(reach.sum()),
        effective=float((active * reach).sum()),
        distinct=float((once * reach).sum()),
    )
    return [counts, *besides]


def change_convolution(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count a convolution of changes over frames, on (1, batch, channel, frame, bin).

    Changes have frames beyond the last, in which activations return to zero: they reach what the
    padding of the convolution lets them. All other sizes are those of the activations.
    """
    assert isinstance(layer.geometry, Changes)
    _, clips, inputs, frames, columns = x.shape
    outputs = output.shape[2]
    rows = frames if layer.source == "input" else frames - lag_of(frames)
    shape = layer.geometry.on(rows, columns)
    reach = fan_out(shape, frames, columns) * outputs
    active = active_by_place(x)
    neurons = outputs * shape.size[0] * shape.size[1]
    effective = float((active * reach).sum())
    return [
        LayerCounts(
            layer.name, "convolution", context.source, context.operation, context.neuron, 1, 1,
            inputs * rows * columns, neurons,
            outputs * inputs * shape.weights + outputs, shape.merged_bits,
            dense=clips * inputs * float(reach[:rows].sum()),
            effective=effective,
            active_inputs=float(active.sum()),
            active_outputs=active_count(output),
            neuron_updates=float(clips * neurons),
            distinct=effective,
        )
    ]  # fmt: skip
