"""Taps on the neurons of a module: their spikes, where they are passed on and clip by clip."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikesound.snn.neurons import SpikingNeuron

SPIKING = {
    "snntorch": ("reset_mem", "SpikingNeuron"),
    "spikingjelly": ("reset", "BaseNode"),
}
"""Of each library the method that sets a neuron to rest, and the class that its neurons are of."""


def spiking_library(module: nn.Module) -> str | None:
    """Return the known library whose spiking neuron a module is, or is made of; None: of none."""
    for base in type(module).__mro__:
        package = base.__module__.partition(".")[0]
        if package in SPIKING and SPIKING[package][1] == base.__name__:
            return package
    return None


def to_rest(network: nn.Module) -> None:
    """Set the neurons of a network to rest; none keeps a history of gradients."""
    for module in network.modules():
        package = spiking_library(module)
        if package is not None and hasattr(module, SPIKING[package][0]):
            getattr(module, SPIKING[package][0])()


class Clip(SpikingNeuron):
    """The spikes of a whole clip (time, batch, ...), for what records them: passed through."""

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Return the spikes that it is given."""
        return currents


class Tap(nn.Module):
    """The outputs of one module of neurons, which go through it wherever they are passed on.

    Attributes
    ----------
    step : passes each call's outputs on, (1, batch, ...); a fault that changes them has its effect
    clip : gets the spikes of a clip (time, batch, ...) once; None of neurons that do not spike
    """

    def __init__(self, *, spiking: bool) -> None:
        super().__init__()
        self.step = nn.Identity()
        self.clip = Clip() if spiking else None
        self._kept: list[torch.Tensor] = []

    def take(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """Pass the outputs of a call on: a hook of the module; states beside them stay."""
        first, *states = output if isinstance(output, tuple) else (output,)
        passed = self.step(first[None])[0]
        if self.clip is not None:
            self._kept.append(passed)
        return (passed, *states) if isinstance(output, tuple) else passed

    def finish(self) -> None:
        """Give the spikes of the clip that has ended to the one who records them."""
        kept, self._kept = self._kept, []
        if self.clip is not None and kept:
            self.clip(torch.stack(kept))
