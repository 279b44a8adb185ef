"""Output neurons: from the currents of the classes over time to a score for each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from spikesound.core.errors import choose
from spikesound.snn.decoding import OF_MEMBRANE, READOUTS
from spikesound.snn.neurons.bounds import unit


class Output(nn.Module):
    """One neuron a class and a read-out of their spikes, or of membranes that do not spike.

    .. math:: U_t = \\beta U_{t-1} + I_t

    is the membrane that is read, with one learnt decay, 0.9 at the start, used within [0, 1].

    Parameters
    ----------
    readout : an entry of :data:`spikesound.snn.decoding.READOUTS`
    neuron : makes the neuron where spikes are read

    Raises
    ------
    SpikesoundError
        If the read-out is not known.
    """

    def __init__(self, readout: str, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.read = choose(READOUTS, readout, "readout")
        self.neuron = None if readout in OF_MEMBRANE else neuron()
        self.beta = nn.Parameter(torch.tensor(0.9)) if self.neuron is None else None

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, class) to scores (batch, class)."""
        if self.neuron is not None:
            return self.read(self.neuron(currents))
        assert self.beta is not None
        beta = unit(self.beta)
        potential = torch.zeros_like(currents[0])
        membrane = []
        for current in currents.unbind(0):
            potential = beta * potential + current
            membrane.append(potential)
        return self.read(torch.stack(membrane))
