"""Counters of layers that run frame by frame; each returns counts of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.context import Context
from spikesound.costs.layer import LayerCounts
from spikesound.costs.lazy_updates import constant_current, touched, updates
from spikesound.costs.of_clip import biases_of
from spikesound.models.layers import Causal, Gates, Layer
from spikesound.snn.neurons.spiking import substeps

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrameCounts:
    """A layer's counts, frame by frame; each array is (frame, clip).

    Attributes
    ----------
    size : the layer for one frame: its sizes and ``dense``; what depends on the sound is zero.
        Where neurons have several spikes a frame, it has a pass for each substep in which they
        come, and a step for each in which its own are given
    effective : operations of places that were not zero, in the frame whose sums they go to; of
        numbers of spikes one a spike
    active_inputs, active_outputs : places of this frame that were not zero; of numbers of spikes
        their sum
    lazy_updates : neurons that need an update, if all others wait (:mod:`.lazy_updates`)
    """

    size: LayerCounts
    effective: Floats
    active_inputs: Floats
    active_outputs: Floats
    lazy_updates: Floats


def mean_layers(
    counts: Sequence[FrameCounts],
    frames: int,
    chosen: npt.NDArray[np.bool_] | None = None,
    *,
    lazy: bool = False,
) -> list[LayerCounts]:
    """Return the counts of ``frames`` frames of sound, each as the chosen ones are on average.

    Parameters
    ----------
    chosen : (clip, frame); None: all
    lazy : neurons wait as long as they can (:mod:`.lazy_updates`); else each is updated in each
        frame

    Raises
    ------
    SpikesoundError
        If no frame is chosen.
    """
    shape = counts[0].effective.shape
    mask = np.ones(shape, bool) if chosen is None else np.asarray(chosen, bool).T
    if mask.shape != shape or not mask.any():
        raise SpikesoundError(
            f"frames to count: {int(mask.sum())} of (clip, frame) {mask.shape[::-1]}; there must "
            f"be some, and {shape[::-1]} to choose from"
        )

    def of(values: Floats) -> float:
        return float(values[mask].mean() * frames)

    return [
        replace(
            layer.size,
            passes=frames * layer.size.passes,
            steps=frames * layer.size.steps,
            dense=layer.size.dense * frames,
            effective=of(layer.effective),
            active_inputs=of(layer.active_inputs),
            active_outputs=of(layer.active_outputs),
            neuron_updates=of(layer.lazy_updates)
            if lazy
            else _neurons(layer) * float(frames * layer.size.steps),
            distinct=of(layer.effective),  # a stream has one frame at a time
        )
        for layer in counts
    ]


def _neurons(layer: FrameCounts) -> int:
    return 0 if layer.size.neuron == "none" else layer.size.outputs


def joined(parts: Sequence[FrameCounts]) -> FrameCounts:
    """Return the counts of several batches of clips as one."""
    return FrameCounts(
        parts[0].size,
        *(
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("effective", "active_inputs", "active_outputs", "lazy_updates")
        ),
    )


def bins_reached(bins: int, kernel: int, pool: int) -> torch.Tensor:
    """Return how many places of a convolution's output each bin of its input reaches, in one frame.

    With the mean merged into the kernel, bin u reaches each place v with
    :math:`0 \\le u + \\lfloor k/2 \\rfloor - p v < k + p - 1`.
    """
    places = torch.arange(bins // pool)
    offset = torch.arange(bins)[:, None] + kernel // 2 - pool * places
    return ((offset >= 0) & (offset < kernel + pool - 1)).sum(1).double()


def causal_convolution(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[FrameCounts]:
    """Count a convolution over this and earlier frames, on (frame, batch, channel[, bin]).

    Of an input of n spikes n are counted.
    """
    shape = layer.geometry
    assert isinstance(shape, Causal)
    (inputs, bins), (outputs, places) = shape.inputs, shape.outputs
    reach = bins_reached(bins, shape.width, shape.pool) * outputs
    active = (x if context.numbers else x != 0).reshape(*x.shape[:2], inputs, bins).sum(2).double()
    size = _size(
        layer,
        context,
        "convolution",
        inputs * bins,
        outputs * places,
        outputs * (inputs * shape.taps * (shape.width + shape.pool - 1) + 1),
        shape.taps * inputs * float(reach.sum()),
        (min(shape.width, shape.pool) - 1).bit_length(),
    )
    every = _over_taps(active @ reach, shape.taps, shape.dilation)
    needed = touched(shape, x).flatten(2), constant_current(layer).repeat_interleave(places)
    assert layer.neuron is not None
    lazy = updates(layer.neuron, needed, output.flatten(2)) * substeps(layer.neuron)
    return [_counts(size, every, x, output, lazy, numbers=context.numbers)]


def gated(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[FrameCounts]:
    """Count LSTM and GRU; their states are taken as never zero, as in :func:`.of_clip.gated`."""
    cells, shape = layer.synapses, layer.geometry
    assert isinstance(cells, nn.RNNBase)
    assert isinstance(shape, Gates)
    inputs, hidden = cells.input_size, cells.hidden_size
    gates, both = shape.gates * hidden, inputs + hidden
    weights, dense = gates * both + biases_of(cells), float(gates * both)
    size = _size(layer, context, "recurrent", both, hidden, weights, dense)
    every = (_active(x) + hidden) * gates
    counts = _counts(size, every, x, output, torch.full_like(every, hidden))
    return [replace(counts, active_inputs=counts.active_inputs + hidden)]


def recurrent(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[FrameCounts]:
    """Count the synapses from the input and those from the layer's own spikes of the frame before.

    It is run once more, frame by frame: when a neuron must be updated depends on its potential,
    the second of its states.
    """
    assert isinstance(layer.synapses, nn.Linear)
    assert layer.neuron is not None
    hidden, inputs = layer.synapses.weight.shape
    both = inputs + hidden
    weights, dense = hidden * (both + 1), float(hidden * both)
    size = _size(layer, context, "recurrent", both, hidden, weights, dense)
    own = torch.cat([torch.zeros_like(output[:1]), output[:-1]])
    active = _active(x) + _active(own)
    module: Any = layer.module
    state, potentials = module.rest(x.shape[1]), []
    for frame in range(len(x)):
        _, state = module.advance(x[frame : frame + 1], state)
        potentials.append(state[1])
    needed = (active > 0)[..., None].expand(output.shape), constant_current(layer)
    lazy = updates(layer.neuron, needed, output, torch.stack(potentials))
    counts = _counts(size, active * hidden, x, output, lazy)
    return [replace(counts, active_inputs=active.numpy())]


def linear(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[FrameCounts]:
    """Count a linear layer on (frame, batch, feature)."""
    synapses = layer.synapses
    assert isinstance(synapses, nn.Linear)
    inputs, places = synapses.in_features, synapses.out_features
    weights, dense = places * (inputs + 1), float(inputs * places)
    size = _size(layer, context, "linear", inputs, places, weights, dense)
    every = _active(x, numbers=context.numbers) * places
    lazy = torch.full_like(every, places)
    return [_counts(size, every, x, output, lazy, numbers=context.numbers)]


def join(
    layer: Layer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> list[FrameCounts]:
    """Count the additions of a sum of activations (frame, batch, ...), as :func:`.of_clip.join`."""
    if layer.join != "sum" or context.source == "spikes":
        return []
    places = output[0, 0].numel()
    size = _size(layer, context, "pooling", places, places, 0, float(places))
    every = torch.full(output.shape[:2], float(places), dtype=torch.float64)
    return [_counts(replace(size, operation="ac"), every, x, output, torch.zeros_like(every))]


def _size(
    layer: Layer,
    context: Context,
    kind: str,
    inputs: int,
    outputs: int,
    weights: int,
    dense: float,
    merged_bits: int = 0,
) -> LayerCounts:
    return LayerCounts(
        layer.name, kind, context.source, context.operation, context.neuron,
        context.substeps, substeps(layer.neuron), inputs, outputs,
        weights, merged_bits, dense * context.substeps, 0.0, 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip


def _counts(
    size: LayerCounts,
    effective: torch.Tensor,
    x: torch.Tensor,
    output: torch.Tensor,
    lazy: torch.Tensor,
    *,
    numbers: bool = False,
) -> FrameCounts:
    inputs, outputs = _active(x, numbers=numbers), _active(output, numbers=size.steps > 1)
    return FrameCounts(size, effective.numpy(), inputs.numpy(), outputs.numpy(), lazy.numpy())


def _active(x: torch.Tensor, *, numbers: bool = False) -> torch.Tensor:
    """Return how many places are not zero, or the sum of numbers of spikes, (time, batch)."""
    return (x if numbers else x != 0).flatten(2).sum(2).double()


def _over_taps(operations: torch.Tensor, taps: int, dilation: int) -> torch.Tensor:
    """Sum each frame's operations and those of the frames that the other taps reach back to."""
    total = operations.clone()
    for tap in range(1, taps):
        back = tap * dilation
        total[back:] += operations[: max(0, len(operations) - back)]
    return total
