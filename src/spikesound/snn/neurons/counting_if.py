"""Integrate-and-fire of layers that run one after another: as many spikes as thresholds are met."""

from __future__ import annotations

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.params import CountingIFParams
from spikesound.snn.neurons.integer_lif import one_by_one
from spikesound.snn.neurons.spiking import SpikingNeuron


class CountingIF(SpikingNeuron):
    r"""Integrates D time steps of its input, then gives its spikes in D steps of its own.

    .. math:: U = \frac1D \sum_{t=1}^{D} I_t, \qquad
              n = \mathrm{clip}(\lfloor U + \tfrac12 \rfloor, 0, D), \qquad
              S_t = \begin{cases} 1 & t \le n \\ 0 & t > n \end{cases}

    A neuron of the layer starts with U + 1/2 at threshold 1, spikes while it is met, one spike and
    one subtraction a step, and rests: integrate-and-fire with reset by subtraction, whose spikes
    wait for the whole input (layer-synchronous). So a layer behind has
    :math:`\frac1D \sum_t w S_t = w n / D`, the same as from the number of spikes at once, which
    :class:`spikesound.snn.quantisation.counts.Counts` is trained with.

    Parameters
    ----------
    params : D

    References
    ----------
    Luo et al. 2024, "Integer-valued training and spike-driven inference spiking neural network for
    high-performance and energy-efficient object detection", section 3.3, without a leak.
    """

    def __init__(self, params: CountingIFParams) -> None:
        super().__init__()
        self.levels = params.levels

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape, from rest.

        Raises
        ------
        SpikesoundError
            If there are not D time steps.
        """
        if len(currents) != self.levels:
            raise SpikesoundError(
                f"counting_if: expected {self.levels} time steps, got {len(currents)}"
            )
        steady = currents.stride(0) == 0  # the same at each step: its mean is itself
        potential = currents[:1] if steady else currents.mean(0, keepdim=True)
        return one_by_one((potential + 0.5).floor().clamp(0, self.levels), self.levels)
