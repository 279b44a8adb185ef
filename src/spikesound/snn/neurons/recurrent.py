"""Recurrent neurons: every neuron of a layer also gets the layer's last spikes as input.

They are apart from ``NEURONS``, whose entries act on each value alone and fit a layer of any
shape: a recurrent one has weights, and is made for ``features`` values on the last axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.cuba_lif import CubaLIF
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.spiking import SpikingNeuron, State


class Recurrent(SpikingNeuron):
    """Gives the neuron it is mixed into the layer's own spikes of the step before.

    .. math::
        I_t = x_t + V S_{t-1}, \\qquad S_0 = 0

    where I goes to the neuron. Mix it in before the neuron: ``class RecurrentLIF(Recurrent, LIF)``.
    It is a part of the neuron and not a shell around it, so that its spikes are counted once.

    Parameters
    ----------
    params : the neuron's own section of ``neurons``
    features : size of the last axis of its currents ``(time, batch, features)``

    References
    ----------
    snnTorch's ``RLeaky`` and ``RSynaptic`` (``all_to_all``), with no bias: the current has one.
    """

    def __init__(self, params: Any, features: int) -> None:
        super().__init__(params)
        self.recurrent = nn.Linear(features, features, bias=False)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return no spikes, and after them the neuron's own state at rest."""
        return torch.zeros_like(like), *super().initial_state(like)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, features) of one time step to spikes and the state after it."""
        spikes, state = super().step(current + self.recurrent(state[0]), state[1:])
        return spikes, (spikes, *state)

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, features) to spikes of the same shape, from rest."""
        # Not the neuron's own, which may take all steps at once.
        return SpikingNeuron.whole(self, currents)


class RecurrentLIF(Recurrent, LIF):
    """Recurrent `LIF`."""


class RecurrentIF(Recurrent, IF):
    """Recurrent `IF`."""


class RecurrentCubaLIF(Recurrent, CubaLIF):
    """Recurrent `CubaLIF`."""


class RecurrentALIF(Recurrent, ALIF):
    """Recurrent `ALIF`: the neuron of an LSNN (Bellec et al. 2018)."""


RECURRENT: dict[str, Callable[[Any, int], SpikingNeuron]] = {
    "lif": RecurrentLIF,
    "integrate_and_fire": RecurrentIF,
    "cuba_lif": RecurrentCubaLIF,
    "alif": RecurrentALIF,
}
