"""Counters of layers that see a whole clip at once; each returns sums over the batch's clips."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from spikesound.costs.active import active_by_place, active_count, ever_active, numbers_by_place
from spikesound.costs.context import Context
from spikesound.costs.fan_out import fan_out_of
from spikesound.costs.layer import LayerCounts, Source
from spikesound.models.grid import Geometry, Grid
from spikesound.models.layers import Gates, Layer
from spikesound.snn.neurons import DelayedSynapses


def convolution(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count a convolution over frames and bins on (step, batch, channel, frame, bin).

    A mean of the currents is part of it. Pooling by the maximum takes three comparisons and a batch
    norm, if there is one, for each pooled value besides. A mean of inputs that are activations is
    taken before the convolution (:func:`averaged`); of spikes each adds weights, and no mean is
    taken. Of an input of n spikes n are counted.
    """
    assert isinstance(layer.geometry, Grid)
    steps, _, outputs, *size = output.shape
    x, shape, means = averaged(layer, x, context)
    passes, clips, inputs, rows, columns = x.shape
    reach = fan_out_of(shape, rows, columns) * outputs
    active = numbers_by_place(x) if context.numbers else active_by_place(x)
    alone = passes == 1 and not context.numbers
    once = active if alone else active_by_place(ever_active(x))
    neurons = outputs * size[0] * size[1]
    counts = LayerCounts(
        layer.name,
        "convolution",
        context.source,
        context.operation,
        context.neuron,
        passes,
        steps,
        inputs * rows * columns,
        neurons,
        outputs * inputs * shape.weights + outputs,
        shape.merged_bits,
        dense=passes * clips * inputs * float(reach.sum()),
        effective=float((active * reach).sum()),
        active_inputs=float(active.sum()),
        active_outputs=active_count(output),
        neuron_updates=float(steps * clips * neurons),
        distinct=float((once * reach).sum()),
    )
    if layer.geometry.pool != "max":
        return [counts, *means]
    values = float(passes * clips * neurons)
    maxima = additions(f"maximum_{layer.name}", "activations", 3 * values, neurons)
    if layer.norm is None or isinstance(layer.norm, nn.Identity):
        return [counts, maxima]
    norm = additions(f"norm_{layer.name}", "activations", values, neurons)
    return [counts, maxima, replace(norm, operation="mac", weights=2 * outputs)]


def averaged(
    layer: Layer, x: torch.Tensor, context: Context
) -> tuple[torch.Tensor, Geometry, list[LayerCounts]]:
    """Return what meets the weights of a convolution, its geometry, and what that took before.

    Activations of which the mean over 2 x 2 places is the input are added up first, an addition
    each; the division is in the weights. So the convolution has a quarter of the inputs.
    """
    grid = layer.geometry
    assert isinstance(grid, Grid)
    rows, columns = x.shape[3:]
    shape = grid.on(rows, columns)
    if grid.pool != "inputs" or context.source != "activations":
        return x, shape, []
    high, wide = grid.stride(rows, columns)
    even = functional.pad(x, (0, columns % wide, 0, rows % high))
    means = functional.avg_pool2d(even.flatten(0, 1), (high, wide))
    means = means.view(*x.shape[:2], *means.shape[1:])
    added = additions(f"mean_{layer.name}", "activations", active_count(x), x[0, 0].numel())
    added = replace(
        added,
        passes=len(x),
        outputs=means[0, 0].numel(),
        dense=float(x.numel()),
        active_outputs=active_count(means),
    )
    k = grid.kernel
    return means, Geometry((k, k), (1, 1), (k // 2, k // 2), shape.size, shape.weights), [added]


def pooling(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count the sum of outputs (step, batch, channel, frame, bin) over steps and bins."""
    steps, clips, channels, frames, bins = output.shape
    active = float(output.sum()) if context.numbers else active_count(output)
    places = channels * frames * bins
    sums = additions(layer.name, context.source, active, places)
    dense = float(clips * steps * places)
    return [
        replace(sums, passes=steps, outputs=channels * frames, dense=dense, active_inputs=active)
    ]


def join(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count the additions of a sum of activations (step, batch, channel, frame, bin).

    Channels side by side need none, nor do spikes: those of either layer reach the next synapses.
    """
    if layer.join != "sum" or context.source == "spikes":
        return []
    values = float(output.numel())
    return [additions(layer.name, context.source, values, output[0, 0].numel())]


def frame_pooling(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count mean and maximum over frames: once, of what all steps came to, or at each step."""
    steps, clips, channels, frames, _ = output.shape
    times = steps if layer.each_step else 1
    over = additions(layer.name, context.source, 2.0 * channels * frames * clips * times, 0)
    return [replace(over, passes=times, steps=times, inputs=channels * frames, outputs=channels)]


def running_pooling(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count mean and maximum over frames of outputs (frame, batch, unit), frame by frame."""
    frames, clips, width = output.shape
    values = float(clips * frames * width)
    pooled = additions(layer.name, context.source, 2 * values, width)
    return [replace(pooled, passes=frames, active_inputs=values)]


def linear(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count a linear layer on (batch, input), or on (step, batch, ..., input) at every step."""
    synapses = layer.synapses
    assert isinstance(synapses, nn.Linear)
    clips = x.shape[1] if x.dim() > 2 else len(x)
    passes = x.numel() // (clips * synapses.in_features)
    active, values = active_count(x), float(passes * clips * synapses.out_features)
    by_pass = x[None] if x.dim() == 2 else x.transpose(0, 1).flatten(1, -2).transpose(0, 1)
    biased = synapses.bias is not None or layer.norm is not None
    return [
        LayerCounts(
            layer.name,
            "linear",
            context.source,
            context.operation,
            context.neuron,
            passes,
            passes,
            synapses.in_features,
            synapses.out_features,
            synapses.weight.numel() + (synapses.out_features if biased else 0),
            0,
            dense=float(x.numel() * synapses.out_features),
            effective=active * synapses.out_features,
            active_inputs=active,
            active_outputs=values if layer.readout else active_count(output),
            neuron_updates=0.0 if context.neuron == "none" else values,
            distinct=active_count(ever_active(by_pass)) * synapses.out_features,
        )
    ]


def gated(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count every layer and direction: all frames from the input, all but the first from itself.

    A batch norm of the input is folded into the first layer's weights. Hidden values are taken as
    never zero: they are products of a sigmoid and a hyperbolic tangent.
    """
    cells, shape = layer.synapses, layer.geometry
    assert isinstance(cells, nn.RNNBase)
    assert isinstance(shape, Gates)
    clips, frames, bins = shape.frames_first(x).transpose(0, 1).shape
    hidden, ways = cells.hidden_size, 2 if cells.bidirectional else 1
    gates = shape.gates * hidden
    recurrent = float(clips * (frames - 1) * hidden)
    counts = []
    for number in range(cells.num_layers):
        inputs = bins if number == 0 else ways * hidden
        active = active_count(x) if number == 0 else float(clips * frames * inputs)
        counts.append(
            LayerCounts(
                f"{layer.name}_{number + 1}",
                "recurrent",
                context.source if number == 0 else "activations",
                "mac",
                context.neuron,
                frames,
                frames,
                ways * (inputs + hidden),
                ways * hidden,
                ways * (gates * (inputs + hidden) + biases_of(cells)),
                0,
                dense=ways * gates * (clips * frames * inputs + recurrent),
                effective=ways * gates * (active + recurrent),
                active_inputs=ways * (active + recurrent),
                active_outputs=float(ways * clips * frames * hidden),
                neuron_updates=float(ways * clips * frames * hidden),
                distinct=ways * gates * (active + recurrent),
            )
        )
    return counts


def delayed(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count synapses with delays on (time, batch, input): a spike reaches each neuron once.

    The delays are stored beside the weights. The line in which inputs wait is not counted.
    """
    synapses = layer.synapses
    assert isinstance(synapses, DelayedSynapses)
    counts = _of_sequence(layer, x, output, context, "linear", active_count(x))
    stored = synapses.weight.numel() + synapses.place.numel() + synapses.out_features
    return [replace(counts, inputs=synapses.in_features, weights=stored)]


def recurrent(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[LayerCounts]:
    """Count synapses from the input (time, batch, input), and from the layer at the step before."""
    synapses = layer.synapses
    assert isinstance(synapses, nn.Linear)
    neurons = synapses.out_features
    active = active_count(x) + active_count(output[:-1])
    counts = _of_sequence(layer, x, output, context, "recurrent", active)
    both = synapses.in_features + neurons
    own = float(len(x) - 1) * x.shape[1] * neurons * neurons
    return [replace(counts, inputs=both, weights=neurons * (both + 1), dense=counts.dense + own)]


def _of_sequence(
    layer: Layer,
    x: torch.Tensor,
    output: torch.Tensor,
    context: Context,
    kind: str,
    active: float,
) -> LayerCounts:
    """Return the counts of a layer over time steps, of each active input to all its neurons."""
    steps, clips, inputs = x.shape
    neurons = output.shape[-1]
    updates = float(steps * clips * neurons)
    return LayerCounts(
        layer.name, kind, context.source, context.operation, context.neuron, steps, steps, inputs,
        neurons, 0, 0, float(x.numel() * neurons), active * neurons, active, active_count(output),
        updates, active * neurons,
    )  # fmt: skip


def biases_of(cells: nn.RNNBase) -> int:
    """Return how many biases a layer of gated cells stores in one direction.

    Those of input and state are added up, one for each gate and unit. The candidate state of a GRU
    keeps both: its reset gate goes between them, tanh(W x + b + r (V h + c)).
    """
    merged: int = len(cells.bias_ih_l0)  # type: ignore[arg-type]
    return merged + cells.hidden_size if isinstance(cells, nn.GRU) else merged


def additions(name: str, source: Source, number: float, inputs: int) -> LayerCounts:
    """Return the counts of a layer without weights that does ``number`` additions."""
    return LayerCounts(
        name, "pooling", source, "ac", "none", 1, 1, inputs, inputs, 0, 0, number, number, number,
        number, 0.0, number,
    )  # fmt: skip
