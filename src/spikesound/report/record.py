"""The spikes that a trained network's first layer fires for one clip."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikesound.models.layers import Layered


def first_layer(network: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Run a network on one clip, and return where its first spiking layer fires.

    Parameters
    ----------
    inputs
        Of a classifier (step, frame, bin), of a detector (frame, bin), as it was trained on.

    Returns
    -------
    array or None
        Shape (step, frame, bin) at the layer's own resolution, of a detector one step: the share of
        its channels that fire at each place and step. None where the layer's neurons have no places
        in time and frequency (a fully connected or a recurrent one), or the network has no spiking
        layer.
    """
    layers = network.layers() if isinstance(network, Layered) else []
    layer = next((layer for layer in layers if layer.spiking), None)
    if layer is None or layer.neuron is None:
        return None
    fired: list[torch.Tensor] = []
    hook = layer.neuron.register_forward_hook(lambda _module, _in, output: fired.append(output))
    try:
        with torch.inference_mode():
            network.eval()(torch.from_numpy(np.ascontiguousarray(inputs[:, None])))
    finally:
        hook.remove()
    spikes = fired[0]
    if layer.kind == "convolution" and spikes.ndim == 5:  # (time, batch, channel, frame, bin)
        shares = spikes[:, 0].mean(dim=1)
    elif layer.kind == "causal_convolution" and spikes.ndim == 4:  # (frame, batch, channel, bin)
        shares = spikes[:, 0].mean(dim=1)[None]
    else:
        return None
    values: NDArray[np.float32] = shares.numpy()
    return values
