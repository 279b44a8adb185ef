"""Counting operations while a network runs, by the kind of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError, choose
from spikesound.core.progress import track
from spikesound.costs import (
    by_frame,
    of_clip,
    of_own_networks,
    of_pooled,
    of_pruned,
    of_separable,
    own_code,
)
from spikesound.costs.by_frame import FrameCounts
from spikesound.costs.context import Context, context_of
from spikesound.costs.layer import LayerCounts, Operation
from spikesound.costs.tally import Tally
from spikesound.models.layers import Layer, Places, layers_of
from spikesound.models.networks.pruned import Pruned
from spikesound.models.networks.sigma_delta import Changes
from spikesound.models.networks.yamnet import Everywhere, Strided
from spikesound.models.spec import Spec

Counter = Callable[
    [Layer, torch.Tensor, torch.Tensor, Context], list[LayerCounts] | list[FrameCounts]
]
"""From a layer, its input and output, and its context to the counts of a batch."""

COUNTERS: dict[str, Counter] = {
    "convolution": of_clip.convolution,
    "linear": of_clip.linear,
    "join": of_clip.join,
    "gated": of_clip.gated,
    "recurrent": of_clip.recurrent,
    "causal_convolution": of_clip.delayed,
    "pooling": of_clip.pooling,
    "frame_pooling": of_clip.frame_pooling,
    "running_pooling": of_clip.running_pooling,
    "competition": of_own_networks.competition,
    "best_matching": of_own_networks.best_matching,
    "decoding": of_own_networks.decoding,
    "own_code": own_code.own_code,
    "tap": own_code.tap,
}
"""For each kind of layer what counts it, in sums over the clips of a batch."""

GEOMETRY_COUNTERS: dict[type, Counter] = {
    Pruned: of_pruned.pruned_convolution,
    Changes: of_pruned.change_convolution,
    Strided: of_separable.strided_convolution,
    Everywhere: of_separable.mean_pooling,
    Places: of_pooled.place_pooling,
}
"""For each geometry that is counted otherwise than its kind of layer what counts it."""

FRAME_COUNTERS: dict[str, Counter] = {
    "causal_convolution": by_frame.causal_convolution,
    "linear": by_frame.linear,
    "gated": by_frame.gated,
    "recurrent": by_frame.recurrent,
    "join": by_frame.join,
}
"""For each kind of layer that runs frame by frame what counts it, frame by frame."""


@dataclass
class Counted:
    """Filled while the network runs."""

    tally: Tally = field(default_factory=Tally)

    @property
    def layers(self) -> list[LayerCounts]:
        """The counts of each layer, means per clip, in the order of computation."""
        return self.tally.layers()

    @property
    def frames(self) -> list[FrameCounts]:
        """The counts of each layer that runs frame by frame, of every frame."""
        return self.tally.frames()


def first_operation(spec: Spec) -> Operation:
    """Return the operation of a synapse that reads the network's input: values or spikes.

    It follows from the encoding and never from the values.
    """
    encoding = spec.encoding_section()
    if encoding is None or not encoding.spikes:
        return "mac"
    return "weighted_ac" if spec.step_weights else "ac"


@contextmanager
def counting(network: nn.Module, spec: Spec, counted: Counted) -> Iterator[None]:
    """Count what every call of the network within the context does.

    Operations are those of the batch that is run: each place of a layer's input that is not zero,
    times its fan-out, borders and strides regarded. Whether they are multiply-accumulates or
    accumulates follows from what the layer reads (values, or spikes of the encoding or of a spiking
    layer), not from the values. Average pooling is merged into kernels, batch norms are folded into
    weights and biases.

    Parameters
    ----------
    spec : of the network; its encoding says whether the input is spikes
    counted : where the counts go; one may take up several networks of one shape (folds)

    Raises
    ------
    SpikesoundError
        If the network has no layers, or one of a kind that cannot be counted.
    """
    first, neuron = first_operation(spec), spec.neuron
    hooks = []
    for place, layer in enumerate(layers_of(network)):
        counters = FRAME_COUNTERS if layer.by_frame else COUNTERS
        counter = GEOMETRY_COUNTERS.get(type(layer.geometry)) or choose(
            counters, layer.kind, "kind of layer to count"
        )
        hook = _hook(layer, context_of(layer, first, neuron), counter, counted.tally, place)
        hooks.append((layer.module, hook))
    handles = [module.register_forward_hook(hook) for module, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(
    layer: Layer, context: Context, counter: Counter, tally: Tally, place: int
) -> Callable[..., None]:
    def hook(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        x = arguments[0]
        y = output[0] if isinstance(output, tuple) else output
        for counts in counter(layer, x, y, context):
            tally.add(place, x.shape[1] if x.dim() > 2 else len(x), counts)

    return hook


def count_frames(
    network: nn.Module, spec: Spec, inputs: npt.NDArray[Any], batch_clips: int = 32
) -> list[FrameCounts]:
    """Run clips from rest, and count what every layer does in every frame.

    An input at frame t takes part in the sums of frame :math:`t + i d` for each tap i of a causal
    convolution with dilation d; each of its operations is counted in the frame whose sums it goes
    to. ``dense`` has all taps in all frames: a stream has no beginning.

    Parameters
    ----------
    inputs : (clip, frame, bin) in [0, 1]

    Returns
    -------
    list of FrameCounts
        in the order of computation: convolution_1, ..., dilated_1, ... or recurrent_1, readout

    Raises
    ------
    SpikesoundError
        If there is no clip, its bins are not the network's, or a layer cannot be counted.
    """
    if inputs.ndim != 3 or not inputs.size or inputs.shape[2] != spec.bins:
        raise SpikesoundError(
            f"{spec.model}: expected features of shape (clip, frame, {spec.bins}), "
            f"got {inputs.shape}"
        )
    network.eval()
    counted = Counted()
    starts = range(0, len(inputs), batch_clips)
    with torch.inference_mode(), counting(network, spec, counted):
        for start in track(starts, total=len(starts), what=f"count {spec.model}", unit="batch"):
            batch = np.ascontiguousarray(inputs[start : start + batch_clips].swapaxes(0, 1))
            network(torch.from_numpy(batch).float())
    return counted.frames
