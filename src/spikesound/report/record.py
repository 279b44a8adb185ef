"""The spikes that a trained network's first layer fires for one clip."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikesound.snn.neurons import SpikingNeuron


def first_layer(network: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Run a network on one clip, and return where its first spiking layer fires.

    Parameters
    ----------
    inputs
        Shape (step, frame, bin), as the network was trained on.

    Returns
    -------
    array or None
        Shape (step, frame, bin) at the layer's own resolution: the share of its channels that fire
        at each place and step. None where the layer's neurons have no places in time and frequency
        (a fully connected or a recurrent one), or the network has no spiking layer.
    """
    layers = [module for module in network.modules() if isinstance(module, SpikingNeuron)]
    if not layers:
        return None
    fired: list[torch.Tensor] = []
    hook = layers[0].register_forward_hook(lambda _module, _input, output: fired.append(output))
    try:
        with torch.inference_mode():
            network.eval()(torch.from_numpy(np.ascontiguousarray(inputs[:, None])))
    finally:
        hook.remove()
    spikes = fired[0]  # (time, batch, channel, frame, bin)
    if spikes.ndim != 5:
        return None
    shares: NDArray[np.float32] = spikes[:, 0].mean(dim=1).numpy()
    return shares
