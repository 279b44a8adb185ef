"""Current-based leaky integrate-and-fire: the input current decays as well."""

from __future__ import annotations

import torch

from spikesound.params import CubaLIFParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.parts import decay, fired
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


def integrate(
    current: torch.Tensor,
    state: State,
    alpha: torch.Tensor,
    beta: torch.Tensor,
    threshold: float,
) -> State:
    """Return synaptic current and potential after one time step."""
    synaptic, potential = state
    reset = threshold * fired(potential, threshold)
    synaptic = alpha * synaptic + current
    return synaptic, beta * potential + synaptic - reset


class CubaLIF(SpikingNeuron):
    """Leaky integrate-and-fire behind a leaky synapse, reset by subtraction, from rest.

    .. math::
        J_t = \\alpha J_{t-1} + I_t, \\qquad
        U_t = \\beta U_{t-1} + J_t - \\theta S_{t-1}, \\qquad S_t = [U_t > \\theta]

    The reset is detached from the gradient; the spike's derivative is the surrogate's.

    Parameters
    ----------
    params : decay per step of the current, alpha, and of the potential, beta (one of each per
        layer, learnt if ``learn_decays``), threshold theta, surrogate and its slope

    References
    ----------
    Neftci et al. 2019, "Surrogate gradient learning in spiking neural networks";
    snnTorch's ``Synaptic`` (``reset_mechanism="subtract"``) is the definition.
    """

    def __init__(self, params: CubaLIFParams) -> None:
        super().__init__()
        self.alpha = decay(params.alpha, learn=params.learn_decays)
        self.beta = decay(params.beta, learn=params.learn_decays)
        self.threshold = params.threshold
        self.spike = spike_function(params.surrogate, params.slope, "neurons.cuba_lif")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return synaptic current and potential, zero."""
        return torch.zeros_like(like), torch.zeros_like(like)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        alpha, beta = unit(self.alpha), unit(self.beta)
        synaptic, potential = integrate(current, state, alpha, beta, self.threshold)
        return self.spike(potential - self.threshold), (synaptic, potential)
