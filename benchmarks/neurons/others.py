"""SpikingJelly, Norse and Sinabs: a neuron of each, as near to ours as its options allow.

Each is imported only when it is asked for. Where a model stays different, ``DIFFERS`` says how.
"""

from __future__ import annotations

import importlib
import math

import torch
from settings import BETA, HIDDEN, SLOPE
from torch import nn

DIFFERS = {
    "dense floor": "ReLU: no state, no time",
    "ann, T=1": "ReLU, one time step: the conventional network",
    "lstm": "gates: four products a step",
    "gru": "gates: three products a step",
    "spikingjelly": "resets before the leak; spikes at the threshold itself",
    "norse": "resets before the leak; SuperSpike surrogate; currents times 0.1, weights times 10",
    "sinabs": "resets before the leak; exponential surrogate; spikes at the threshold itself",
    "norse, recurrent": "a synaptic current as extra state; resets to zero; SuperSpike surrogate",
    "spikingjelly, recurrent": "resets before the leak; one product of inputs and last spikes",
}


class SpikingJelly(nn.Module):
    """Its multi-step neuron (time, batch, ...), set back to rest at each call."""

    def __init__(self, recurrent: bool = False) -> None:
        super().__init__()
        package = "spikingjelly.activation_based"
        neuron = importlib.import_module(f"{package}.neuron")
        surrogate = importlib.import_module(f"{package}.surrogate")
        self.functional = importlib.import_module(f"{package}.functional")
        self.inner = neuron.LIFNode(
            tau=1 / (1 - BETA),
            decay_input=False,
            v_reset=None,
            detach_reset=True,
            surrogate_function=surrogate.ATan(alpha=SLOPE),
            step_mode="s" if recurrent else "m",
        )
        if recurrent:
            layer = importlib.import_module(f"{package}.layer")
            self.inner = layer.LinearRecurrentContainer(self.inner, HIDDEN, HIDDEN, step_mode="m")

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        self.functional.reset_net(self.inner)
        spikes: torch.Tensor = self.inner(currents)
        return spikes


class Norse(nn.Module):
    """Its ``LIFBoxCell``, lifted over time. An Euler step of 1 ms scales currents by dt / tau."""

    def __init__(self) -> None:
        super().__init__()
        library = importlib.import_module("norse.torch")
        cell = importlib.import_module("norse.torch.module.lif_box")
        box = importlib.import_module("norse.torch.functional.lif_box")
        reset = importlib.import_module("norse.torch.functional.reset")
        law = box.LIFBoxParameters(
            tau_mem_inv=torch.tensor((1 - BETA) / 0.001), reset_method=reset.reset_subtract
        )
        self.inner = library.Lift(cell.LIFBoxCell(law))

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        spikes: torch.Tensor = self.inner(currents)[0]
        return spikes


class NorseRecurrent(nn.Module):
    """Its ``LIFRecurrent``, which has the linear layer of the inputs within."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.inner = importlib.import_module("norse.torch").LIFRecurrent(inputs, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spikes: torch.Tensor = self.inner(x)[0]
        return spikes


class Sinabs(nn.Module):
    """Its LIF, one spike a step at most, set back to rest at each call; time is its second axis."""

    def __init__(self, recurrent: bool = False) -> None:
        super().__init__()
        layers = importlib.import_module("sinabs.layers")
        activation = importlib.import_module("sinabs.activation")
        law = {
            "tau_mem": -1 / math.log(BETA),
            "norm_input": False,
            "spike_fn": activation.SingleSpike,
        }
        if recurrent:
            connection = nn.Linear(HIDDEN, HIDDEN, bias=False)
            self.inner = layers.LIFRecurrent(rec_connect=connection, **law)
        else:
            self.inner = layers.LIF(**law)

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        if self.inner.is_state_initialised():
            self.inner.reset_states()
        spikes: torch.Tensor = self.inner(currents.transpose(0, 1)).transpose(0, 1)
        return spikes
