"""Adaptive leaky integrate-and-fire in symplectic Euler form, with constants of each neuron."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.params import SEAdLIFParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.per_neuron import Constants, PerNeuron
from spikesound.snn.neurons.recurrent import Recurrent
from spikesound.snn.neurons.spiking import State
from spikesound.snn.neurons.surrogate_windows import window_function


class SEAdLIF(PerNeuron):
    """Adaptive LIF whose adaptation follows the potential and the spikes of the same step.

    .. math::
        \\hat U_t &= \\alpha U_{t-1} + (1 - \\alpha) (I_t - w_{t-1}), \\qquad
        S_t = [\\hat U_t > \\theta], \\qquad U_t = \\hat U_t (1 - S_t) \\\\
        w_t &= \\rho w_{t-1} + (1 - \\rho) \\, q \\, (a U_t + b S_t)

    with :math:`\\alpha = e^{-1/\\tau_u}`, :math:`\\rho = e^{-1/\\tau_w}`. The potential is stepped
    with the old adaptation, the adaptation with the new potential: the symplectic Euler method,
    which keeps the oscillation of the continuous neuron where the forward Euler method changes its
    frequency and amplitude. The reset to zero is detached from the gradient.

    Parameters
    ----------
    params : ranges of the time constants in time steps; largest coupling a and spike-triggered
        adaptation b, and their common factor q; threshold theta, surrogate and its slope. Both
        time constants, a and b are learnt within their ranges.

    References
    ----------
    Baronig, Ferrand, Sabathiel & Legenstein 2024, "Advancing spatio-temporal processing through
    adaptation in spiking neural networks" (SE-adLIF).
    """

    def __init__(self, params: SEAdLIFParams) -> None:
        super().__init__()
        self.ranges = params.tau_u_steps, params.tau_w_steps
        self.most = params.a_most, params.b_most
        self.q, self.threshold = params.q, params.threshold
        # Each is a place in its range, from 0 to 1.
        self.tau_u = nn.Parameter(torch.tensor(0.5))
        self.tau_w = nn.Parameter(torch.tensor(0.5))
        self.a = nn.Parameter(torch.tensor(0.5))
        self.b = nn.Parameter(torch.tensor(0.5))
        self.spike = window_function(params.surrogate, params.slope, "neurons.se_adlif")

    def widen(self, features: int) -> None:
        """Draw constants for each of ``features`` neurons, evenly over their ranges."""
        for name in ("tau_u", "tau_w", "a", "b"):
            setattr(self, name, nn.Parameter(torch.rand(features)))

    def constants(self) -> Constants:
        """Return the decays alpha and rho per time step, a and b."""
        alpha, rho = (
            torch.exp(-1 / (low + (high - low) * unit(place)))
            for place, (low, high) in zip((self.tau_u, self.tau_w), self.ranges, strict=True)
        )
        return alpha, rho, self.most[0] * unit(self.a), self.most[1] * unit(self.b)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return potential, adaptation and the last step's spikes, zero."""
        return torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like)

    def update(self, current: torch.Tensor, state: State, constants: Constants) -> State:
        """Return potential, adaptation and spikes after one time step."""
        alpha, rho, a, b = constants
        potential, adaptation, _ = state
        potential = alpha * potential + (1 - alpha) * (current - adaptation)
        spikes = self.spike(potential - self.threshold)
        potential = potential * (1 - spikes.detach())
        adaptation = rho * adaptation + (1 - rho) * self.q * (a * potential + b * spikes)
        return potential, adaptation, spikes


class RecurrentSEAdLIF(Recurrent, SEAdLIF):
    """Recurrent `SEAdLIF`."""
