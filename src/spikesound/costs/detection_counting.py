"""What a detector does in each frame, layer by layer: the counts that its prices are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.costs.detection_layers import COUNT, Context, Floats, FrameCounts, joined
from spikesound.costs.layer import LayerCounts, Source
from spikesound.models.detector_spec import DetectorSpec
from spikesound.models.networks.detector import Adaptive, Detector, Gated
from spikesound.training.detection import time_first


def count_frames(
    network: Detector, spec: DetectorSpec, inputs: npt.NDArray[Any], batch_clips: int = 32
) -> list[FrameCounts]:
    """Run clips from rest, and count what every layer does in every frame.

    An input at frame t takes part in the sums of frame :math:`t + i d` for each tap i of a causal
    convolution with dilation d; each of its operations is counted in the frame whose sums it goes
    to. Along the bins borders and strides are regarded. ``dense`` has all taps in all frames: a
    stream has no beginning. Whether a layer multiplies follows from what it is given: the sound and
    ReLU's outputs are values, spikes only add. The mean over bins is merged into the kernel, batch
    norm is folded into weights and biases, the integrator's ``1 - beta`` into the read-out's. The
    head for attention takes no part in what a stream is given, and is not counted.

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
        If there is no clip, or its bins are not the detector's.
    """
    if inputs.ndim != 3 or not inputs.size or inputs.shape[2] != spec.bins:
        raise SpikesoundError(
            f"{spec.model}: features of shape {inputs.shape} cannot be counted; it hears "
            f"(clip, frame, {spec.bins})"
        )
    network.eval()
    named = _layers(network, spec)
    found: dict[str, list[FrameCounts]] = {context.name: [] for _, context in named}
    handles = [module.register_forward_hook(_hook(context, found)) for module, context in named]
    starts = range(0, len(inputs), batch_clips)
    try:
        with torch.inference_mode():
            for start in track(starts, total=len(starts), what=f"count {spec.model}", unit="batch"):
                network(time_first(inputs[start : start + batch_clips]))
    finally:
        for handle in handles:
            handle.remove()
    return [joined(parts) for parts in found.values()]


def layers_of(
    counts: list[FrameCounts],
    frames: int,
    chosen: npt.NDArray[np.bool_] | None = None,
    *,
    lazy: bool = False,
) -> list[LayerCounts]:
    """Return the counts of so many frames of sound, each as the chosen ones are on average.

    Parameters
    ----------
    chosen : (clip, frame); None: all
    lazy : neurons wait as long as they can (:mod:`.lazy`); else each is updated in each frame

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
            passes=frames,
            steps=frames,
            dense=layer.size.dense * frames,
            effective=of(layer.effective),
            active_inputs=of(layer.active_inputs),
            active_outputs=of(layer.active_outputs),
            neuron_updates=of(layer.lazy_updates) if lazy else layer.size.outputs * float(frames),
        )
        for layer in counts
    ]


def _layers(network: Detector, spec: DetectorSpec) -> list[tuple[nn.Module, Context]]:
    neuron = spec.neuron or "relu"
    inside: Source = "activations" if spec.neuron is None else "spikes"
    named: list[tuple[nn.Module, Context]] = []
    for number, block in enumerate(network.front, start=1):
        source: Source = "sound" if number == 1 else inside
        named.append((block, Context(f"convolution_{number}", source, neuron)))
    memory: Any = network.memory
    if isinstance(memory, Gated | Adaptive):
        named.append((memory, Context("recurrent_1", inside, spec.network)))
    else:
        for number, layer in enumerate(memory.layers, start=1):
            named.append((layer, Context(f"dilated_{number}", inside, neuron)))
    read: Source = "activations" if isinstance(memory, Gated) else inside
    named.append((network.readout, Context("readout", read, "li")))
    return named


def _hook(context: Context, found: dict[str, list[FrameCounts]]) -> Callable[..., None]:
    def hook(module: nn.Module, arguments: tuple[Any, ...], output: torch.Tensor) -> None:
        found[context.name].append(COUNT[type(module)](module, arguments[0], output, context))

    return hook
