"""What each layer of a detector does in each frame, from what it takes in and puts out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.costs.layer import LayerCounts, Operation, Source
from spikesound.costs.lazy_updates import shift, touched_block, touched_layer, updates
from spikesound.models.networks.causal import CausalBlock, CausalLayer
from spikesound.models.networks.detector import Adaptive, Gated

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrameCounts:
    """A layer's counts, frame by frame; each array is (frame, clip).

    Attributes
    ----------
    size : the layer for one frame: its sizes and ``dense``; what depends on the sound is zero
    effective : operations of places that were not zero, in the frame whose sums they go to
    active_inputs, active_outputs : places of this frame that were not zero
    lazy_updates : neurons that need an update, if all others wait (:mod:`.lazy`)
    """

    size: LayerCounts
    effective: Floats
    active_inputs: Floats
    active_outputs: Floats
    lazy_updates: Floats


@dataclass(frozen=True)
class Context:
    """What a layer's counts need to know of the network around it."""

    name: str
    source: Source
    neuron: str

    @property
    def operation(self) -> Operation:
        return "ac" if self.source == "spikes" else "mac"


def bins_reached(bins: int, kernel: int, pool: int) -> torch.Tensor:
    """Return how many places of a block's output each bin of its input reaches, in one frame.

    With the mean merged into the kernel, bin u reaches each place v with
    :math:`0 \\le u + \\lfloor k/2 \\rfloor - p v < k + p - 1`.
    """
    places = torch.arange(bins // pool)
    offset = torch.arange(bins)[:, None] + kernel // 2 - pool * places
    return ((offset >= 0) & (offset < kernel + pool - 1)).sum(1).double()


def _block(
    block: CausalBlock, x: torch.Tensor, output: torch.Tensor, context: Context
) -> FrameCounts:
    (inputs, bins), (outputs, places) = block.inputs, block.outputs
    reach = bins_reached(bins, block.kernel, block.pool) * outputs
    active = (x != 0).sum(2).double()
    wide = block.kernel + block.pool - 1
    size = _size(
        context,
        "convolution",
        inputs * bins,
        outputs * places,
        outputs * (inputs * block.kernel * wide + 1),
        block.kernel * inputs * float(reach.sum()),
        (min(block.kernel, block.pool) - 1).bit_length(),
    )
    every = _over_taps(active @ reach, block.kernel, 1)
    return _counts(size, every, x, output, updates(block.neuron, touched_block(block, x), output))


def _layer(
    layer: CausalLayer, x: torch.Tensor, output: torch.Tensor, context: Context
) -> FrameCounts:
    taps, dilation = layer.convolution.kernel_size[0], layer.convolution.dilation[0]
    weights = layer.outputs * (layer.inputs * taps + 1)
    dense = float(layer.outputs * layer.inputs * taps)
    size = _size(context, "convolution", layer.inputs, layer.outputs, weights, dense)
    every = _over_taps(_active(x) * layer.outputs, taps, dilation)
    return _counts(size, every, x, output, updates(layer.neuron, touched_layer(layer, x), output))


def _gated(layer: Gated, x: torch.Tensor, output: torch.Tensor, context: Context) -> FrameCounts:
    """Count LSTM and GRU; their states are taken as never zero, as in ``count_recurrent``."""
    inputs, hidden = layer.cells.input_size, layer.cells.hidden_size
    gates = (4 if context.neuron == "lstm" else 3) * hidden
    both = inputs + hidden
    size = _size(context, "recurrent", both, hidden, gates * (both + 1), float(gates * both))
    every = (_active(x) + hidden) * gates
    found = _counts(size, every, x, output, torch.full_like(every, hidden))
    return replace(found, active_inputs=found.active_inputs + hidden)


def _adaptive(
    layer: Adaptive, x: torch.Tensor, output: torch.Tensor, context: Context
) -> FrameCounts:
    """Count the synapses from the front and those from the layer's own spikes of the frame before.

    Run once more, frame by frame: when a neuron must be updated depends on its potential.
    """
    hidden, inputs = layer.currents.weight.shape
    both = inputs + hidden
    size = _size(context, "recurrent", both, hidden, hidden * (both + 1), float(hidden * both))
    own = torch.cat([torch.zeros_like(output[:1]), output[:-1]])
    heard = _active(x) + _active(own)
    state, potentials = layer.rest(x.shape[1]), []
    for frame in range(len(x)):
        _, state = layer.advance(x[frame : frame + 1], state)
        potentials.append(state[1])
    touched = (heard > 0)[..., None].expand(output.shape)
    lazy = updates(layer.neuron, (touched, shift(layer.norm)), output, torch.stack(potentials))
    found = _counts(size, heard * hidden, x, output, lazy)
    return replace(found, active_inputs=heard.numpy())


def _readout(
    layer: nn.Linear, x: torch.Tensor, output: torch.Tensor, context: Context
) -> FrameCounts:
    weights, places = layer.out_features * (layer.in_features + 1), layer.out_features
    dense = float(layer.in_features * places)
    size = _size(context, "linear", layer.in_features, places, weights, dense)
    every = _active(x) * places
    return _counts(size, every, x, output, torch.full_like(every, places))


COUNT: dict[type[nn.Module], Callable[..., FrameCounts]] = {
    CausalBlock: _block,
    CausalLayer: _layer,
    Gated: _gated,
    Adaptive: _adaptive,
    nn.Linear: _readout,
}
"""Of each kind of layer, what counts it: from the layer, its input, its output and its context."""


def _size(
    context: Context,
    kind: str,
    inputs: int,
    outputs: int,
    weights: int,
    dense: float,
    merged_bits: int = 0,
) -> LayerCounts:
    return LayerCounts(
        context.name, kind, context.source, context.operation, context.neuron, 1, 1, inputs,
        outputs, weights, merged_bits, dense, 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip


def _counts(
    size: LayerCounts,
    effective: torch.Tensor,
    x: torch.Tensor,
    output: torch.Tensor,
    lazy: torch.Tensor,
) -> FrameCounts:
    return FrameCounts(
        size, effective.numpy(), _active(x).numpy(), _active(output).numpy(), lazy.numpy()
    )


def _active(x: torch.Tensor) -> torch.Tensor:
    """Return how many places are not zero, (time, batch)."""
    return (x != 0).flatten(2).sum(2).double()


def _over_taps(operations: torch.Tensor, taps: int, dilation: int) -> torch.Tensor:
    """Sum each frame's operations and those of the frames that the other taps reach back to."""
    total = operations.clone()
    for tap in range(1, taps):
        back = tap * dilation
        total[back:] += operations[: max(0, len(operations) - back)]
    return total


def joined(parts: list[FrameCounts]) -> FrameCounts:
    """Return the counts of several batches of clips as one."""
    return FrameCounts(
        parts[0].size,
        *(
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("effective", "active_inputs", "active_outputs", "lazy_updates")
        ),
    )
