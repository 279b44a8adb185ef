"""Winner-take-all: of the neurons of one place, at most one spikes at a time step."""

from __future__ import annotations

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.snn.neurons import SpikingNeuron
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.spiking import State


class WinnerTakeAll(SpikingNeuron):
    """Leaky integrate-and-fire neurons that inhibit each other along the last axis.

    .. math::
        U_t = \\beta U_{t-1} + I_t, \\qquad
        S_{t,j} = [\\, j = \\arg\\max_i (U_{t,i} - \\theta_i) \\text{ and } U_{t,j} > \\theta_j \\,]

    A spike keeps the others silent at its step and resets nobody. For ``refractory`` steps after
    its spike a neuron is held, as in `LIF`, and takes no part. Each neuron has its own threshold,
    a buffer, which learning moves and which never falls below that of the LIF.

    Parameters
    ----------
    features : size of the last axis, the neurons of one place
    lif : whose decay, threshold and refractory period are taken; its reset must be ``none``

    Raises
    ------
    SpikesoundError
        If it is another neuron, or one with a reset.

    References
    ----------
    Maass 2000, "On the computational power of winner-take-all"; Kheradpisheh et al. 2018,
    section 2.2 (lateral inhibition between maps at one place).
    """

    threshold: torch.Tensor

    def __init__(self, features: int, lif: object) -> None:
        super().__init__()
        if not isinstance(lif, LIF) or lif.rule.reset != "none":
            raise SpikesoundError("network 'wta' is made of neuron 'lif' with reset 'none' only")
        self.beta = float(lif.beta.detach().clamp(0, 1))
        self.least = float(lif.threshold.detach())
        self.refractory = lif.rule.refractory
        self.register_buffer("threshold", torch.full((features,), self.least))

    def initial_state(self, like: torch.Tensor) -> State:
        """Return zero potentials, and no steps to wait."""
        return torch.zeros_like(like), torch.zeros_like(like, dtype=torch.int32)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ..., feature) of one step to spikes and the state after it."""
        before, wait = state
        potential = self.beta * before + current
        if not self.refractory:
            return winners(potential - self.threshold), (potential, wait)
        held = wait > 0
        potential = torch.where(held, before, potential)
        spikes = winners((potential - self.threshold).masked_fill(held, -torch.inf))
        wait = torch.where(spikes > 0, self.refractory, (wait - 1).clamp(min=0))
        return spikes, (potential, wait.to(torch.int32))


def winners(excess: torch.Tensor) -> torch.Tensor:
    """Return 1.0 where the excess is the largest of the last axis and above zero, else 0.0."""
    largest, place = excess.max(-1, keepdim=True)
    return torch.zeros_like(excess).scatter_(-1, place, (largest > 0).to(excess.dtype))
