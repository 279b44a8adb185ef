"""Neurons: from input currents over time to spikes.

A neuron is a module on ``(time, batch, ...)`` that keeps no state between calls: every call starts
from rest. Entries take their section of ``neurons`` in params.yaml.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spikesound.neurons.lif import LIF
from spikesound.neurons.spiking import SpikingNeuron

__all__ = ["NEURONS", "SpikingNeuron"]

NEURONS: dict[str, Callable[[Any], SpikingNeuron]] = {
    "lif": LIF,
}
