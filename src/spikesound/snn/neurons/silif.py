"""Adaptive leaky integrate-and-fire with decays parametrised as in state space models (SiLIF)."""

from __future__ import annotations

import math

import torch
from torch import nn

from spikesound.params import SiLIFParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.per_neuron import Constants, PerNeuron
from spikesound.snn.neurons.recurrent import Recurrent
from spikesound.snn.neurons.spiking import State
from spikesound.snn.neurons.surrogate_windows import window_function


class SiLIF(PerNeuron):
    """Adaptive LIF whose decays come from learnt rates and a learnt step, both as logarithms.

    .. math::
        w_t &= \\rho w_{t-1} + a U_{t-1} + b S_{t-1} \\\\
        U_t &= \\alpha (U_{t-1} - \\theta S_{t-1}) + (1 - \\alpha) (I_t - w_t), \\qquad
        S_t = [U_t > \\theta] \\\\
        \\alpha &= \\exp(-e^{\\alpha' + \\delta}), \\qquad \\rho = \\exp(-e^{\\rho' + \\delta})

    so that both decays lie between 0 and 1 whatever an optimiser does, and the step
    :math:`e^{\\delta}` of each neuron scales both. The reset is subtracted before the leak. The
    published code differs in two things: its state starts at random, here at rest; and its reset
    passes a gradient, which no neuron's reset does here.

    Parameters
    ----------
    params : length of a time step in ms, at which :math:`e^{\\delta}` starts; ranges of the rates,
        1/s, of potential and adaptation; largest coupling a and spike-triggered adaptation b;
        threshold theta, surrogate and its slope. Rates, step, a and b are learnt.

    References
    ----------
    Fabre, Dudchenko & Neftci 2025, "Structured state space model dynamics and parametrization for
    spiking neural networks" (SiLIF).
    """

    def __init__(self, params: SiLIFParams) -> None:
        super().__init__()
        self.rates = params.membrane_per_s, params.adaptation_per_s
        self.most = params.a_most, params.b_most
        self.threshold = params.threshold
        middle = [(math.log(low) + math.log(high)) / 2 for low, high in self.rates]
        self.log_step = nn.Parameter(torch.tensor(math.log(params.step_ms / 1000)))
        self.log_membrane = nn.Parameter(torch.tensor(middle[0]))
        self.log_adaptation = nn.Parameter(torch.tensor(middle[1]))
        self.a = nn.Parameter(torch.tensor(0.5))
        self.b = nn.Parameter(torch.tensor(0.5))
        self.spike = window_function(params.surrogate, params.slope, "neurons.silif")

    def widen(self, features: int) -> None:
        """Draw constants for each of ``features`` neurons; rates evenly by their logarithm."""
        self.log_step = nn.Parameter(self.log_step.detach().expand(features).clone())
        for name, (low, high) in zip(("log_membrane", "log_adaptation"), self.rates, strict=True):
            drawn = math.log(low) + math.log(high / low) * torch.rand(features)
            setattr(self, name, nn.Parameter(drawn))
        self.a, self.b = nn.Parameter(torch.rand(features)), nn.Parameter(torch.rand(features))

    def constants(self) -> Constants:
        """Return the decays alpha and rho per time step, a and b."""
        alpha, rho = (
            torch.exp(-torch.exp(rate + self.log_step))
            for rate in (self.log_membrane, self.log_adaptation)
        )
        return alpha, rho, self.most[0] * unit(self.a), self.most[1] * unit(self.b)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return potential, adaptation and the last step's spikes, zero."""
        return torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like)

    def update(self, current: torch.Tensor, state: State, constants: Constants) -> State:
        """Return potential, adaptation and spikes after one time step."""
        alpha, rho, a, b = constants
        potential, adaptation, spikes = state
        adaptation = rho * adaptation + a * potential + b * spikes
        reset = potential - self.threshold * spikes.detach()
        potential = alpha * reset + (1 - alpha) * (current - adaptation)
        return potential, adaptation, self.spike(potential - self.threshold)


class RecurrentSiLIF(Recurrent, SiLIF):
    """Recurrent `SiLIF`."""
