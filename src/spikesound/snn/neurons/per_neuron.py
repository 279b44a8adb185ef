"""Spiking neurons with constants of each neuron, and neurons made recurrent."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.core.errors import unknown
from spikesound.snn.neurons.recurrent import RECURRENT
from spikesound.snn.neurons.spiking import SpikingNeuron, State

Constants = tuple[torch.Tensor, ...]


class PerNeuron(SpikingNeuron):
    """A spiking neuron whose constants can differ from neuron to neuron.

    As it is made, one set of constants, the middle of their ranges, stands for a layer of any
    shape. A network that knows the width of its layer calls :meth:`widen` before training.
    """

    _at_hand: Constants | None = None

    def widen(self, features: int) -> None:
        """Draw constants for each of ``features`` neurons, on the last axis of the currents.

        They are drawn by torch's global generator, as weights are.
        """
        raise NotImplementedError

    def constants(self) -> Constants:
        """Return the constants as they are used, from the learnt parameters."""
        raise NotImplementedError

    def update(self, current: torch.Tensor, state: State, constants: Constants) -> State:
        """Return the state after one time step; its last part are the step's spikes."""
        raise NotImplementedError

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        state = self.update(current, state, self._at_hand or self.constants())
        return state[-1], state

    def advance(self, currents: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map currents (time, batch, ...) to spikes of the same shape and the state after them."""
        self._at_hand = self.constants()  # once for all steps
        try:
            return super().advance(currents, state)
        finally:
            self._at_hand = None


def widened(neuron: nn.Module, features: int) -> nn.Module:
    """Return a neuron with constants of each neuron, if it is of such a kind, else as it is."""
    if isinstance(neuron, PerNeuron):
        neuron.widen(features)
    return neuron


def made_recurrent(neuron: SpikingNeuron, features: int) -> SpikingNeuron:
    """Return a neuron with synapses from all neurons of its layer, at the step before.

    It stays the same object, so that its spikes are counted once; its class becomes that of
    :data:`spikesound.snn.neurons.RECURRENT` which extends it. The weights are orthogonal at the
    start.

    Raises
    ------
    SpikesoundError
        If there is no recurrent form of the neuron.
    """
    plain = type(neuron)
    for kind in RECURRENT.values():
        if isinstance(kind, type) and issubclass(kind, plain):
            neuron.__class__ = kind
            neuron.recurrent = nn.Linear(features, features, bias=False)
            nn.init.orthogonal_(neuron.recurrent.weight)
            return neuron
    raise unknown("neuron with a recurrent form", plain.__name__, RECURRENT)
