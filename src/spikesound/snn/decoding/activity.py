"""The activity regulariser: how often the layers spike, as a term of the loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from spikesound.snn.neurons import SpikingNeuron


def activity_penalty(spikes: Sequence[torch.Tensor], target_rate: float) -> torch.Tensor:
    """Return how far the layers' spike rates are from a target, squared, in the mean over layers.

    .. math:: R = \\frac{1}{L} \\sum_{l=1}^{L} (r_l - \\rho)^2, \\qquad
              r_l = \\text{mean of } S_l \\text{ over steps, clips and neurons}

    A spike costs energy at each of its synapses: the target sets the accuracy-energy trade-off.
    Rates above the target and below it are penalised alike; within a layer, the neurons share the
    rate out among themselves.

    Parameters
    ----------
    spikes : for each layer a float tensor (time, batch, ...), 0 or 1; at least one layer
    target_rate : rho, in spikes per neuron and step, 0 to 1

    Returns
    -------
    float tensor of no axes

    References
    ----------
    Zenke & Vogels 2021, "The remarkable robustness of surrogate gradient learning for instilling
    complex function in spiking neural networks" (bounds on activity, as penalties).
    """
    rates = torch.stack([layer.mean() for layer in spikes])
    return ((rates - target_rate) ** 2).mean()


@contextmanager
def recorded_spikes(network: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Give a list to which each spiking layer adds its spikes whenever the network is called.

    The spikes keep their gradients. Clear the list between calls: it grows with each.

    Parameters
    ----------
    network : any module; its layers are those of :class:`spikesound.snn.neurons.SpikingNeuron`
    """
    recorded: list[torch.Tensor] = []

    def record(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        recorded.append(output)

    layers = [module for module in network.modules() if isinstance(module, SpikingNeuron)]
    hooks = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield recorded
    finally:
        for hook in hooks:
            hook.remove()
