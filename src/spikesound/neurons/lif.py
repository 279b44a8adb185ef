"""Leaky integrate-and-fire, by snnTorch's ``Leaky``."""

from __future__ import annotations

import snntorch
import torch

from spikesound.errors import choose
from spikesound.neurons.spiking import SpikingNeuron
from spikesound.neurons.surrogate import SURROGATES
from spikesound.params import LIFParams


class LIF(SpikingNeuron):
    """Leaky integrate-and-fire with reset by subtraction, from rest.

    .. math::
        U_t = \\beta U_{t-1} + I_t - \\theta S_{t-1}, \\qquad S_t = [U_t > \\theta]

    The reset is detached from the gradient; the spike's derivative is the surrogate's.

    Parameters
    ----------
    params : decay beta (one per layer, learnt if ``learn_beta``), threshold theta, surrogate

    References
    ----------
    Eshraghian et al. 2023, "Training spiking neural networks using lessons from deep learning",
    section II-C; snnTorch's ``Leaky`` (``reset_mechanism="subtract"``) is the definition.
    """

    def __init__(self, params: LIFParams) -> None:
        super().__init__()
        gradient = choose(SURROGATES, params.surrogate, "neurons.lif.surrogate")(params.slope)
        self.cell = snntorch.Leaky(
            beta=params.beta,
            learn_beta=params.learn_beta,
            threshold=params.threshold,
            spike_grad=gradient,
            reset_mechanism="subtract",
        )

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape."""
        potential = torch.zeros_like(currents[0])
        spikes = []
        for current in currents.unbind(0):
            spike, potential = self.cell(current, potential)
            spikes.append(spike)
        return torch.stack(spikes)
