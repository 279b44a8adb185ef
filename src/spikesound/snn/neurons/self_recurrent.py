"""Leaky integrate-and-fire with a synapse onto itself, by snnTorch's ``RLeaky``, one to one."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.params import SelfRecurrentParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.parts import decay, fired
from spikesound.snn.neurons.resets import reset_all
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


class SelfRecurrent(SpikingNeuron):
    """Leaky integrate-and-fire that gets its own last spike as a current, from rest.

    .. math::
        U_t = \\beta U_{t-1} + I_t + V S_{t-1} - \\theta S_{t-1}, \\qquad S_t = [U_t > \\theta]

    That is the reset ``subtract``; ``zero`` sets the whole of :math:`U_t` to zero in the step after
    a spike, and ``none`` leaves it. The reset is detached from the gradient, the recurrent spike is
    not. V is one for the layer, so that the neuron fits a layer of any shape; with weights between
    all neurons of a layer it is :class:`spikesound.snn.neurons.recurrent.RecurrentLIF`.

    Parameters
    ----------
    params : decay per step beta and recurrent weight V, each learnt if asked for, threshold theta,
        reset, surrogate and its slope

    References
    ----------
    snnTorch's ``RLeaky`` (``all_to_all=False``, V a number) is the definition.
    """

    def __init__(self, params: SelfRecurrentParams) -> None:
        super().__init__()
        self.beta = decay(params.beta, learn=params.learn_beta)
        self.recurrent = nn.Parameter(torch.tensor(params.recurrent), params.learn_recurrent)
        self.threshold, self.reset = params.threshold, params.reset
        self.spike = spike_function(params.surrogate, params.slope, "neurons.rleaky")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the last spikes and the potential, zero."""
        return torch.zeros_like(like), torch.zeros_like(like)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        spikes, potential = state
        after = fired(potential, self.threshold)
        potential = unit(self.beta) * potential + current + self.recurrent * spikes
        (potential,) = reset_all(self.reset, (potential,), (self.threshold,), after)
        spikes = self.spike(potential - self.threshold)
        return spikes, (spikes, potential)
