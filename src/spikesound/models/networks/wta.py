"""One wide layer of spiking neurons in competition, and a linear read-out of their counts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import Layer
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.winner import WinnerTakeAll
from spikesound.params import WTAParams


class Patches(nn.Module):
    """Neurons of some frames and all bins, side by side at every frame, in competition.

    Parameters
    ----------
    params : neurons of a place, frames of each neuron's input
    bins : of the input
    neuron : a LIF without reset, whose parameters the layer takes
    """

    def __init__(self, params: WTAParams, bins: int, neuron: nn.Module) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(params.neurons, params.frames, bins))
        self.neuron = WinnerTakeAll(params.neurons, neuron)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to spikes (time, batch, place, neuron)."""
        flat = x.flatten(0, 1).unsqueeze(1)
        currents = functional.conv2d(flat, self.weight.unsqueeze(1)).squeeze(-1)
        places = currents.transpose(1, 2)  # (time x batch, frame, neuron)
        spikes: torch.Tensor = self.neuron(places.reshape(*x.shape[:2], *places.shape[1:]))
        return spikes


class WTA(nn.Module):
    """Neurons whose input is some frames and all bins, side by side at every frame.

    At each frame and time step at most one neuron spikes (`WinnerTakeAll`). Spikes are counted over
    frames and steps, and the read-out is linear in the counts. A local rule sets the layer's
    weights: its spikes have no gradient. It can be read after each step, of the counts so far over
    the steps gone by (:class:`spikesound.models.layers.InSteps`).

    Parameters
    ----------
    params : neurons of a place, frames of each neuron's input
    layout : bins, classes, weights of the steps
    neuron : makes an LIF without reset, whose parameters the layer takes

    Raises
    ------
    SpikesoundError
        If the neuron is another one.
    """

    step_weights: torch.Tensor | None

    def __init__(self, params: WTAParams, layout: Layout, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.frames = self.least_frames = params.frames
        self.steps = layout.steps
        with torch.device("cpu"):  # its values are read here, also where sizes alone are built
            lif = neuron()
        self.patches = Patches(params, layout.bins, lif)
        self.readout = nn.Linear(params.neurons, layout.classes)
        weights = layout.step_weights
        self.register_buffer(
            "step_weights", None if weights is None else torch.tensor(weights), persistent=False
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map spikes (time, batch, frame, bin) to class scores (batch, class).

        Raises
        ------
        SpikesoundError
            If there are fewer frames than a neuron's input has.
        """
        scores: torch.Tensor = self.readout(self.counts(x))
        return scores

    def counts(self, x: torch.Tensor) -> torch.Tensor:
        """Return how often each neuron spikes, per frame and step (batch, neuron)."""
        return self._spikes(self.weighted(x)).mean((0, 2))

    def summary(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Return the sum over these steps of each neuron's spikes per frame (batch, neuron)."""
        return self._spikes(x).mean(2).sum(0)

    def scores(self, summaries: list[torch.Tensor]) -> torch.Tensor:
        """Return class scores (batch, class) from the summaries of all steps, piece by piece."""
        scores: torch.Tensor = self.readout(torch.stack(summaries).sum(0) / self.steps)
        return scores

    def scores_by_step(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores after each step (step, batch, class); the last are those of a call."""
        spikes = self._spikes(self.weighted(x))
        gone = torch.arange(1, len(spikes) + 1).view(-1, 1, 1)
        rates = spikes.mean(2).cumsum(0) / gone
        rates[-1] = spikes.mean((0, 2))
        return torch.stack([self.readout(rate) for rate in rates])

    def _spikes(self, x: torch.Tensor) -> torch.Tensor:
        """Return the spikes (time, batch, place, neuron) of weighted inputs."""
        if x.shape[2] < self.frames:
            raise SpikesoundError(
                f"expected clips of at least {self.frames} frames, the input of one neuron, got "
                f"{x.shape[2]}; lower `frames` in the method's section"
            )
        spikes: torch.Tensor = self.patches(x)
        return spikes

    def weighted(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply the input of each step by the step's weight, if there are such."""
        shape = (-1, *[1] * (x.dim() - 1))
        return x if self.step_weights is None else x * self.step_weights.view(shape)

    @property
    def weight(self) -> nn.Parameter:
        """Weights of the competing neurons (neuron, frame, bin)."""
        return self.patches.weight

    @property
    def neuron(self) -> WinnerTakeAll:
        """The competing neurons."""
        return self.patches.neuron

    def layers(self) -> list[Layer]:
        """Return the competing neurons, and the read-out of their counts."""
        return [
            Layer(
                "patches", "competition", self.patches, "input", self.patches, neuron=self.neuron
            ),
            Layer("readout", "linear", self.readout, "pooled", self.readout, readout=True),
        ]
