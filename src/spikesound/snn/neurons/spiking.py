"""Base class of all spiking neurons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

State = tuple[torch.Tensor, ...]


class SpikingNeuron(nn.Module):
    """A module from currents ``(time, batch, ...)`` to spikes of the same shape.

    A spike is 1.0, none is 0.0; a neuron with several ``substeps`` puts out their number.

    Counting operations and spikes goes by this class: what a module of it puts out are spikes.

    A neuron says where it rests (`initial_state`) and how it moves on by one time step (`step`), or
    by several (`advance`). Every call of the module starts from rest, but within `carried`. A
    stream is run step by step, the state handed on by the caller, and gives the spikes that one
    call on the whole gives::

        state = neuron.initial_state(currents[0])
        for current in currents:
            spikes, state = neuron.step(current, state)
    """

    substeps: int = 1
    """In how many substeps of a step the neuron may spike: what it puts out is their number."""

    _carries: bool = False
    _carried: State | None = None

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the state at rest, for currents with shape, type and device of ``like``."""
        raise NotImplementedError(f"{type(self).__name__} has no step-by-step form")

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        raise NotImplementedError(f"{type(self).__name__} has no step-by-step form")

    def advance(self, currents: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map currents (time, batch, ...) to spikes of the same shape and the state after them."""
        spikes = []
        for current in currents.unbind(0):
            spike, state = self.step(current, state)
            spikes.append(spike)
        return torch.stack(spikes), state

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape, from rest."""
        return self.advance(currents, self.initial_state(currents[0]))[0]

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape; no step, no spikes."""
        if not currents.is_floating_point():
            currents = currents.to(torch.get_default_dtype())
        if not len(currents):
            return currents.clone()
        if not self._carries:
            return self.whole(currents)
        state = self._carried or self.initial_state(currents[0])
        spikes, state = self.advance(currents, state)
        self._carried = tuple(part.detach() for part in state)
        return spikes


@contextmanager
def carried(network: nn.Module) -> Iterator[None]:
    """Let each call of a network go on from the states in which the call before left its neurons.

    The first call starts from rest. No gradient goes from one call to an earlier one: it is cut off
    between them (truncated backpropagation through time).
    """
    neurons = [module for module in network.modules() if isinstance(module, SpikingNeuron)]
    for neuron in neurons:
        neuron._carries = True
    try:
        yield
    finally:
        for neuron in neurons:
            neuron._carries, neuron._carried = False, None


def substeps(neuron: nn.Module | None) -> int:
    """Return in how many substeps of a step a neuron may spike; 1 of what is no spiking neuron."""
    return neuron.substeps if isinstance(neuron, SpikingNeuron) else 1
