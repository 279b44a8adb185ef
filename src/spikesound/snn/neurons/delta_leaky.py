"""Neuron that spikes when its leaky membrane potential changes, by snnTorch's ``DeltaLeaky``."""

from __future__ import annotations

import torch

from spikesound.params import DeltaLeakyParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.parts import decay
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


class DeltaLeaky(SpikingNeuron):
    """Leaky integrator that spikes on a change of its potential, without a reset, from rest.

    .. math::
        U_t = \\beta U_{t-1} + I_t, \\qquad S_t = [\\, |U_t - U_{t-1}| > \\theta \\,]

    A rise and a fall give the same spike; the spike's derivative is the surrogate's.

    Parameters
    ----------
    params : decay per step beta, one for each layer, learnt if ``learn_beta``; change theta above
        which it spikes; surrogate and its slope

    References
    ----------
    snnTorch's ``DeltaLeaky`` is the definition; here beta is used within [0, 1].
    """

    def __init__(self, params: DeltaLeakyParams) -> None:
        super().__init__()
        self.beta = decay(params.beta, learn=params.learn_beta)
        self.threshold = params.threshold
        self.spike = spike_function(params.surrogate, params.slope, "neurons.delta_leaky")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the potential, zero."""
        return (torch.zeros_like(like),)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        potential = unit(self.beta) * state[0] + current
        change = potential - state[0]
        return self.spike(change.abs() - self.threshold), (potential,)
