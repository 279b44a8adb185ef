"""Neuron with an alpha-shaped response to each input, by snnTorch's ``Alpha``."""

from __future__ import annotations

import torch

from spikesound.params import AlphaParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.parts import decay, fired
from spikesound.snn.neurons.resets import reset_all
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


class Alpha(SpikingNeuron):
    """Difference of two decaying traces of the input as the potential, from rest.

    .. math::
        E_t = \\alpha E_{t-1} + I_t, \\qquad J_t = \\beta J_{t-1} - I_t, \\qquad
        U_t = \\tau (E_t + J_t), \\qquad
        \\tau = \\frac{\\ln \\alpha}{\\ln \\beta - \\ln \\alpha} + 1

    and :math:`S_t = [U_t > \\theta]`. In the step after a spike the reset ``subtract`` takes
    :math:`\\theta` off E, sets J to zero and adds :math:`J_{t-1}` to U; ``zero`` sets all three to
    zero, and ``none`` leaves them. The reset is detached from the gradient; the spike's derivative
    is the surrogate's.

    Parameters
    ----------
    params : decays per step of the excitatory trace, alpha, and of the inhibitory one, beta (one of
        each per layer, learnt if ``learn_decays``), threshold theta, reset, surrogate and its slope

    References
    ----------
    snnTorch's ``Alpha`` is the definition, with its reset by subtraction as it is written.
    """

    def __init__(self, params: AlphaParams) -> None:
        super().__init__()
        self.alpha = decay(params.alpha, learn=params.learn_decays)
        self.beta = decay(params.beta, learn=params.learn_decays)
        self.threshold, self.reset = params.threshold, params.reset
        self.spike = spike_function(params.surrogate, params.slope, "neurons.alpha")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return excitatory trace, inhibitory trace and potential, zero."""
        return torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        alpha, beta = unit(self.alpha), unit(self.beta)
        after = fired(state[2], self.threshold)
        excited = alpha * state[0] + current
        inhibited = beta * state[1] - current
        scale = torch.log(alpha) / (torch.log(beta) - torch.log(alpha)) + 1
        potential = scale * (excited + inhibited)
        amounts = (self.threshold, inhibited, -state[1])
        states = reset_all(self.reset, (excited, inhibited, potential), amounts, after)
        return self.spike(states[2] - self.threshold), states
