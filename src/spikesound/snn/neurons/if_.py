"""Integrate-and-fire: no leak."""

from __future__ import annotations

import torch

from spikesound.params import IFParams
from spikesound.snn.kernels.lif import lif
from spikesound.snn.kernels.rule import Rule
from spikesound.snn.neurons.parts import fired
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


def integrate(current: torch.Tensor, potential: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return the potential after one time step: the reset of the last spike, then the current."""
    return potential + current - threshold * fired(potential, threshold)


class IF(SpikingNeuron):
    """Integrate-and-fire with reset by subtraction, from rest.

    .. math::
        U_t = U_{t-1} + I_t - \\theta S_{t-1}, \\qquad S_t = [U_t > \\theta]

    Under a constant current I in [0, theta] it fires I T / theta times in T steps, less one at
    most: the neuron that stands for ReLU in a converted network. Started at half a threshold, it
    rounds that number instead of cutting it off. The reset is detached from the gradient; the
    spike's derivative is the surrogate's.

    Parameters
    ----------
    params : threshold theta, initial potential in thresholds, surrogate and its slope

    References
    ----------
    Lapicque 1907; Rueckauer et al. 2017, "Conversion of continuous-valued deep networks to
    efficient event-driven networks for image classification" (reset by subtraction); Bu et al.
    2022, "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking neural
    networks" (half a threshold).
    """

    def __init__(self, params: IFParams) -> None:
        super().__init__()
        self.threshold = params.threshold
        self.initial = params.initial * params.threshold
        self.spike = spike_function(params.surrogate, params.slope, "neurons.integrate_and_fire")
        self.rule = Rule("subtract", 0, params.surrogate, params.slope)
        self.backend = "auto"

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape, from the initial potential.

        It is leaky integrate-and-fire without a leak, and an initial potential is a current.
        """
        if self.initial:
            currents = torch.cat([currents[:1] + self.initial, currents[1:]])
        one = currents.new_ones(())
        return lif(currents, one, one * self.threshold, self.rule, self.backend)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the initial potential."""
        return (torch.full_like(like, self.initial),)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        potential = integrate(current, state[0], self.threshold)
        return self.spike(potential - self.threshold), (potential,)
