"""What all spiking neurons have in common."""

from __future__ import annotations

import torch
from torch import nn

State = tuple[torch.Tensor, ...]


class SpikingNeuron(nn.Module):
    """A module from currents ``(time, batch, ...)`` to spikes, 0.0 or 1.0, of the same shape.

    Counting operations and spikes goes by this class: what a module of it puts out are spikes.

    A neuron says where it rests (`initial_state`) and how it moves on by one time step (`step`).
    The module itself keeps no state: every call starts from rest. A stream is run step by step,
    the state handed on by the caller, and gives the spikes that one call on the whole gives::

        state = neuron.initial_state(currents[0])
        for current in currents:
            spikes, state = neuron.step(current, state)
    """

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the state at rest, for currents with shape, type and device of ``like``."""
        raise NotImplementedError(f"{type(self).__name__} has no step-by-step form")

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        raise NotImplementedError(f"{type(self).__name__} has no step-by-step form")

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape."""
        steps = currents.unbind(0)
        state = self.initial_state(steps[0])
        spikes = []
        for current in steps:
            spike, state = self.step(current, state)
            spikes.append(spike)
        return torch.stack(spikes)


def decay(value: float, *, learn: bool) -> nn.Parameter:
    """Make one decay factor per time step for a whole layer; use it clamped to [0, 1]."""
    return nn.Parameter(torch.tensor(value), requires_grad=learn)


def fired(potential: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return 1.0 where the potential is above the threshold, else 0.0, without a gradient."""
    return (potential > threshold).to(potential.dtype)
