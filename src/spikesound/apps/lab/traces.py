"""The inside of a spiking network: currents, membranes and spikes of every neuron and time step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import layers_of
from spikesound.snn.neurons import SpikingNeuron

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trace:
    """What the neurons of a layer did.

    Attributes
    ----------
    layer : its name, as in the tables of costs
    currents : input of each neuron (time, batch, ...)
    states : each variable of the neuron after each step (time, batch, ...), in the order of its
        ``initial_state``; the first of LIF and IF is the membrane potential, before the reset
    spikes : 0.0 or 1.0, or numbers of several (time, batch, ...)
    """

    layer: str
    currents: Floats
    states: tuple[npt.NDArray[Any], ...]
    spikes: Floats

    @property
    def rate(self) -> float:
        """Spikes per neuron and time step."""
        return float(self.spikes.mean())


def trace_neuron(neuron: SpikingNeuron, currents: torch.Tensor, layer: str = "") -> Trace:
    """Return what a neuron does with currents (time, batch, ...), step by step from rest."""
    state = neuron.initial_state(currents[0])
    spikes, states = [], []
    with torch.inference_mode():
        for current in currents:
            spike, state = neuron.step(current, state)
            spikes.append(spike)
            states.append(state)
    return Trace(
        layer,
        currents.cpu().numpy(),
        tuple(torch.stack(parts).cpu().numpy() for parts in zip(*states, strict=True)),
        torch.stack(spikes).cpu().numpy(),
    )


def traces(network: nn.Module, x: torch.Tensor) -> list[Trace]:
    """Return the traces of a network's spiking layers, from front to back.

    Parameters
    ----------
    x : the network's input, (time, batch, frame, bin) of a classifier

    Raises
    ------
    SpikesoundError
        If the network has no spiking neurons.
    """
    neurons = {
        layer.name: layer.neuron
        for layer in layers_of(network)
        if isinstance(layer.neuron, SpikingNeuron)
    }
    if not neurons:
        raise SpikesoundError(
            f"{type(network).__name__}: no spiking neurons to trace; expected a spiking network"
        )
    currents: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
            currents[name] = arguments[0].detach().clone()

        return hook

    handles = [neuron.register_forward_pre_hook(keep(name)) for name, neuron in neurons.items()]
    try:
        network.eval()
        with torch.inference_mode():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    return [trace_neuron(neuron, currents[name], name) for name, neuron in neurons.items()]
