"""Neurons: from input currents over time to spikes, or to values in a conventional network.

A neuron is a module on ``(time, batch, ...)`` that keeps no state between calls: every call starts
from rest. Entries take their section of ``neurons`` in params.yaml, and act on each value alone, so
that they fit a layer of any shape. What spikes is a `SpikingNeuron`. What needs the size of the
last axis is apart: ``RECURRENT`` has the recurrent neurons, by the name of the neuron whose section
they take; `DelayedLinear` and `DelayedSynapses` are linear layers with learnt delays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.alpha import Alpha
from spikesound.snn.neurons.counting_if import CountingIF
from spikesound.snn.neurons.cuba_lif import CubaLIF
from spikesound.snn.neurons.curr_exp import CurrExp
from spikesound.snn.neurons.delayed_synapses import DelayedSynapses
from spikesound.snn.neurons.delays import DelayedLinear
from spikesound.snn.neurons.delta_leaky import DeltaLeaky
from spikesound.snn.neurons.hard_reset_if import HardResetIF
from spikesound.snn.neurons.hodgkin_huxley import HodgkinHuxley
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.integer_lif import IntegerLIF
from spikesound.snn.neurons.izhikevich import Izhikevich
from spikesound.snn.neurons.lapicque import Lapicque
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF
from spikesound.snn.neurons.own import own
from spikesound.snn.neurons.recurrent import RECURRENT
from spikesound.snn.neurons.relu import quantised_relu, relu
from spikesound.snn.neurons.relu6 import relu6
from spikesound.snn.neurons.se_adlif import RecurrentSEAdLIF, SEAdLIF
from spikesound.snn.neurons.self_recurrent import SelfRecurrent
from spikesound.snn.neurons.sigma_delta import sigma_delta
from spikesound.snn.neurons.silif import RecurrentSiLIF, SiLIF
from spikesound.snn.neurons.single_spike import SingleSpike
from spikesound.snn.neurons.spiking import SpikingNeuron

__all__ = ["NEURONS", "RECURRENT", "DelayedLinear", "DelayedSynapses", "SpikingNeuron"]

NEURONS: dict[str, Callable[[Any], nn.Module]] = {
    "lif": LIF,
    "integrate_and_fire": IF,
    "hard_reset_if": HardResetIF,
    "cuba_lif": CubaLIF,
    "alif": ALIF,
    "delta_leaky": DeltaLeaky,
    "rleaky": SelfRecurrent,
    "alpha": Alpha,
    "lapicque": Lapicque,
    "curr_exp": CurrExp,
    "own": own,
    "se_adlif": SEAdLIF,
    "silif": SiLIF,
    "izhikevich": Izhikevich,
    "hodgkin_huxley": HodgkinHuxley,
    "relu": relu,
    "relu6": relu6,
    "quantised_relu": quantised_relu,
    "integer_lif": IntegerLIF,
    "multi_spike_lif": MultiSpikeLIF,
    "counting_if": CountingIF,
    "single_spike": SingleSpike,
    "sigma_delta": sigma_delta,
}

# Beside those of recurrent.py, on which every trained LSNN depends.
RECURRENT |= {"se_adlif": RecurrentSEAdLIF, "silif": RecurrentSiLIF}
