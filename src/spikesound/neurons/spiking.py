"""What all spiking neurons have in common."""

from __future__ import annotations

from torch import nn


class SpikingNeuron(nn.Module):
    """A module from currents ``(time, batch, ...)`` to spikes, 0.0 or 1.0, of the same shape.

    Counting operations and spikes goes by this class: what a module of it puts out are spikes.
    """
