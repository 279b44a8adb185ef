"""A neuron that spikes at most once: the time of its spike is the activation of a rounded ReLU."""

from __future__ import annotations

import torch

from spikesound.params import SingleSpikeNeuronParams
from spikesound.snn.neurons.spiking import SpikingNeuron


class SingleSpike(SpikingNeuron):
    """Integrates the slopes that its input's spikes leave, then spikes once, or not at all.

    Of n steps, a spike at step t raises the slope of the potential by its synapse's weight, until
    the window ends; the potential then is

    .. math:: V = \\sum_{t=0}^{n-1} \\omega_t I_t, \\qquad
              \\omega_t = \\frac{2 (n - t)}{n (n + 1)}, \\qquad \\sum_t \\omega_t = 1

    so that a steady current I makes V = I. In the window of its own spike a threshold falls from
    the level of n to that of 1, a step each, and the neuron spikes where it meets it: with

    .. math:: k = \\mathrm{clip}(\\lfloor n V + \\tfrac12 \\rfloor, 0, n)

    at step n - k, and not at all for k = 0. A spike at step t stands for (n - t) / n
    (:func:`spike_values`): the value to which a ReLU clipped at 1 rounds V.

    Parameters
    ----------
    params : none

    References
    ----------
    Rueckauer & Liu 2018, "Conversion of analog to spiking neural networks using sparse temporal
    coding"; Stanojevic et al. 2024, "High-performance deep spiking neural networks with 0.3 spikes
    per neuron" (windows one after the other, the exact map from ReLU), there in continuous time.
    """

    def __init__(self, params: SingleSpikeNeuronParams) -> None:
        super().__init__()

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape, from rest."""
        steps = len(currents)
        potential = torch.tensordot(slope_weights(steps).to(currents), currents, 1)
        level = torch.floor(potential * steps + 0.5).clamp(0, steps)
        times = torch.arange(steps, device=currents.device).view(-1, *[1] * potential.dim())
        return (times == steps - level).to(currents.dtype)


def slope_weights(steps: int) -> torch.Tensor:
    """Return by how much a spike of each step raises the potential until the window ends (n,)."""
    return 2 * (steps - torch.arange(steps)) / (steps * (steps + 1))


def spike_values(steps: int) -> torch.Tensor:
    """Return what a spike of each step stands for (n,)."""
    return (steps - torch.arange(steps)) / steps
