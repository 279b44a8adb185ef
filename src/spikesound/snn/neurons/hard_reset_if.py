"""Integrate-and-fire with a hard reset: a spike sets the potential to zero."""

from __future__ import annotations

import torch

from spikesound.params import HardResetIFParams
from spikesound.snn.kernels.lif import lif
from spikesound.snn.kernels.rule import Rule
from spikesound.snn.neurons.parts import fired
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


class HardResetIF(SpikingNeuron):
    r"""Integrate-and-fire whose potential a spike sets to zero, whatever was above the threshold.

    .. math:: U_t = (1 - S_{t-1}) U_{t-1} + I_t, \qquad S_t = [U_t > \theta]

    Under a constant current I > 0 from rest it fires every n steps, the least n with
    :math:`n I > \theta`: less often than by reset by subtraction, unless the threshold is met
    exactly. The reset is detached from the gradient; the spike's derivative is the surrogate's.

    Parameters
    ----------
    params : threshold theta, initial potential in thresholds, surrogate and its slope

    References
    ----------
    Kheradpisheh, Mirsadeghi & Masquelier 2022, "Spiking neural networks trained via proxy";
    Rueckauer et al. 2017, "Conversion of continuous-valued deep networks to efficient event-driven
    networks for image classification" (reset to zero beside reset by subtraction).
    """

    def __init__(self, params: HardResetIFParams) -> None:
        super().__init__()
        self.threshold = params.threshold
        self.initial = params.initial * params.threshold
        self.spike = spike_function(params.surrogate, params.slope, "neurons.hard_reset_if")
        self.rule = Rule("zero", 0, params.surrogate, params.slope)

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape, from the initial potential.

        It is leaky integrate-and-fire without a leak, and an initial potential is a current.
        """
        if self.initial:
            currents = torch.cat([currents[:1] + self.initial, currents[1:]])
        one = currents.new_ones(())
        return lif(currents, one, one * self.threshold, self.rule)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the initial potential."""
        return (torch.full_like(like, self.initial),)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        potential = state[0] * (1.0 - fired(state[0], self.threshold)) + current
        return self.spike(potential - self.threshold), (potential,)
