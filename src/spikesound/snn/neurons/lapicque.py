"""Leaky integrate-and-fire as an RC circuit, by snnTorch's ``Lapicque``."""

from __future__ import annotations

import torch

from spikesound.params import LapicqueParams
from spikesound.snn.neurons.parts import fired
from spikesound.snn.neurons.resets import reset_all
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


class Lapicque(SpikingNeuron):
    """Leaky integrate-and-fire of a resistor and a capacitor, by steps of Euler, from rest.

    .. math::
        U_t = \\Big(1 - \\frac{\\Delta t}{RC}\\Big) U_{t-1} + \\frac{\\Delta t}{C} I_t
              - \\theta S_{t-1}, \\qquad S_t = [U_t > \\theta]

    That is the reset ``subtract``; ``zero`` sets the whole of :math:`U_t` to zero in the step after
    a spike, and ``none`` leaves it. The reset is detached from the gradient; the spike's derivative
    is the surrogate's.

    Parameters
    ----------
    params : resistance R, capacitance C and length of a step in units that go together, threshold
        theta, reset, surrogate and its slope

    References
    ----------
    Lapicque 1907; snnTorch's ``Lapicque`` is the definition.
    """

    resistance: torch.Tensor
    capacitance: torch.Tensor

    def __init__(self, params: LapicqueParams) -> None:
        super().__init__()
        self.register_buffer("resistance", torch.tensor(params.resistance))
        self.register_buffer("capacitance", torch.tensor(params.capacitance))
        self.time_step = params.time_step
        self.threshold, self.reset = params.threshold, params.reset
        self.spike = spike_function(params.surrogate, params.slope, "neurons.lapicque")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the potential, zero."""
        return (torch.zeros_like(like),)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        after = fired(state[0], self.threshold)
        rc = self.resistance * self.capacitance
        # In snnTorch's order of products, so that no rounding decides a spike.
        charge = current * self.resistance * (1 / rc) * self.time_step
        potential = charge + (1 - self.time_step / rc) * state[0]
        (potential,) = reset_all(self.reset, (potential,), (self.threshold,), after)
        return self.spike(potential - self.threshold), (potential,)
