"""A self-organising map of frames, read by spiking neurons."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from spikesound.models.layers import Layer
from spikesound.models.networks.layout import Layout
from spikesound.params import MapParams
from spikesound.snn.decoding.readouts import membrane_maximum
from spikesound.snn.neurons import SpikingNeuron
from spikesound.snn.neurons.spiking import State


class BestMatching(SpikingNeuron):
    """Of the neurons on the last axis the one with the largest current spikes, at every step."""

    def initial_state(self, like: torch.Tensor) -> State:
        """Return nothing: there is no memory."""
        return ()

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ..., unit) of one step to spikes of the same shape."""
        best = current.argmax(-1, keepdim=True)
        return torch.zeros_like(current).scatter_(-1, best, 1.0), ()

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ..., unit) to spikes of the same shape."""
        return self.step(currents, ())[0]


class Codebook(nn.Module):
    """Units of a map, each with a vector, of which the one nearest to the input spikes."""

    def __init__(self, units: int, bins: int) -> None:
        super().__init__()
        self.map = nn.Parameter(torch.zeros(units, bins))
        self.units = BestMatching()

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Map values (frame, batch, bin) to spikes (frame, batch, unit)."""
        spikes: torch.Tensor = self.units(
            functional.linear(frames, self.map, -self.map.pow(2).sum(1) / 2)
        )
        return spikes


class Leaky(nn.Module):
    """Membranes that are read and do not spike.

    .. math:: U_t = \\beta U_{t-1} + I_t
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Integrate currents (frame, batch, neuron), as one product of matrices."""
        age = torch.arange(len(currents)).unsqueeze(1) - torch.arange(len(currents))
        kernel = torch.where(age >= 0, self.decay ** age.clamp(min=0), 0.0)
        potential: torch.Tensor = torch.tensordot(kernel.to(currents.dtype), currents, 1)
        return potential


class SOM(nn.Module):
    """Frame by frame, the best-matching unit of a map spikes; leaky neurons read the spikes.

    Each frame's values, the weighted sums of its input spikes, are a vector x. Unit i of the map,
    with vector :math:`m_i`, gets a current and the one nearest to x spikes:

    .. math:: I_i = m_i \\cdot x - \\tfrac12 \\lVert m_i \\rVert^2, \\qquad
              \\arg\\max_i I_i = \\arg\\min_i \\lVert x - m_i \\rVert

    Frames are the time of all that follows. Reading neurons integrate the spikes, and a class's
    score is the highest potential that one of its neurons reaches, over the threshold 1:

    .. math:: U_{t,k} = \\beta U_{t-1,k} + \\sum_i w_{ki} S_{t,i}, \\qquad
              z_c = \\max_{k \\in c} \\max_t U_{t,k} - 1

    so that a class with a positive score has fired (the tempotron's decision). After that spike
    nothing is read, and it is not computed. No gradient reaches the map: its spikes have none.

    Parameters
    ----------
    params : rows and columns of the map, reading neurons a class, their decay a frame
    layout : bins, classes; its step weights are the decoding weights of spikes, None for values
    neuron : not used

    References
    ----------
    Wu, Chua, Zhang, Li & Tan 2018, "A spiking neural network framework for robust sound
    classification"; Kohonen 1982; Gutig & Sompolinsky 2006, "The tempotron". Their synaptic current
    decays too; here it acts at once.
    """

    step_weights: torch.Tensor | None

    def __init__(self, params: MapParams, layout: Layout, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()
        units = params.rows * params.columns
        self.codebook = Codebook(units, layout.bins)
        self.readout = nn.Linear(units, layout.classes * params.neurons_per_class, bias=False)
        self.membrane = Leaky(params.decay)
        self.classes = layout.classes
        weights = layout.step_weights
        self.register_buffer(
            "step_weights", None if weights is None else torch.tensor(weights), persistent=False
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to class scores (batch, class)."""
        frames = self.values(x).transpose(0, 1)  # frames are the time from here on
        highest = membrane_maximum(self.membrane(self.readout(self.codebook(frames))))
        return highest.view(len(highest), self.classes, -1).amax(2) - 1

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """Return the decoded values (batch, frame, bin) of the input (time, batch, frame, bin)."""
        if self.step_weights is None:
            return x.sum(0)
        values: torch.Tensor = torch.tensordot(self.step_weights, x, 1)
        return values

    @property
    def map(self) -> nn.Parameter:
        """Vectors of the units (unit, bin)."""
        return self.codebook.map

    @property
    def units(self) -> BestMatching:
        """The spiking units of the map."""
        return self.codebook.units

    def layers(self) -> list[Layer]:
        """Return the sum of the input's spikes, the map, and the neurons that read it."""
        return [
            Layer("values", "decoding", self, "input"),
            Layer(
                "map",
                "best_matching",
                self.codebook,
                "values",
                self.codebook,
                neuron=self.units,
                units="winner",
            ),
            Layer(
                "readout",
                "linear",
                self.readout,
                "spikes",
                self.readout,
                neuron=self.membrane,
                units="li",
                readout=True,
            ),
        ]
