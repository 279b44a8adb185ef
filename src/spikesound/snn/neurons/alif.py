"""Adaptive leaky integrate-and-fire: every spike raises the threshold for a while."""

from __future__ import annotations

import torch

from spikesound.params import ALIFParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.parts import decay
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


def integrate(
    current: torch.Tensor,
    state: State,
    beta: torch.Tensor,
    rho: torch.Tensor,
    threshold: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return potential and adaptation after one time step."""
    potential, adaptation, spikes = state
    potential = beta * potential + current - threshold * spikes.detach()
    return potential, rho * adaptation + spikes


class ALIF(SpikingNeuron):
    """Adaptive leaky integrate-and-fire, reset by subtraction, from rest.

    .. math::
        U_t = \\beta U_{t-1} + I_t - \\theta S_{t-1}, \\qquad
        a_t = \\rho a_{t-1} + S_{t-1}, \\qquad S_t = [U_t > \\theta + \\kappa a_t]

    The reset, of the threshold without adaptation, is detached from the gradient; the adaptation
    is not, so that an error reaches spikes as far back as the adaptation remembers.

    Parameters
    ----------
    params : decay per step of the potential, beta, and of the adaptation, rho (one of each per
        layer, learnt if ``learn_decays``), threshold theta, its rise kappa with each spike,
        surrogate and its slope

    References
    ----------
    Bellec et al. 2018, "Long short-term memory and learning-to-learn in networks of spiking
    neurons"; Bellec et al. 2020, "A solution to the learning dilemma for recurrent networks of
    spiking neurons", whose form this is: LIF, with threshold A_t = v_th + beta a_t and
    a_{t+1} = rho a_t + z_t.
    """

    def __init__(self, params: ALIFParams) -> None:
        super().__init__()
        self.beta = decay(params.beta, learn=params.learn_decays)
        self.rho = decay(params.rho, learn=params.learn_decays)
        self.threshold = params.threshold
        self.rise = params.rise
        self.spike = spike_function(params.surrogate, params.slope, "neurons.alif")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return potential, adaptation and the last step's spikes, zero."""
        return torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        beta, rho = unit(self.beta), unit(self.rho)
        potential, adaptation = integrate(current, state, beta, rho, self.threshold)
        spikes = self.spike(potential - (self.threshold + self.rise * adaptation))
        return spikes, (potential, adaptation, spikes)
