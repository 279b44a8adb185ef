"""A network that is not of the registry: linear maps and neurons, without frames or bins."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.models.layers import Layer
from spikesound.params import LIFParams
from spikesound.snn.neurons import NEURONS


def dense(inputs: int, classes: int, lif: dict[str, object]) -> Dense:
    """Return the network with weights that make it spike."""
    torch.manual_seed(2)
    network = Dense(inputs, classes, LIFParams.model_validate(lif)).eval()
    with torch.no_grad():
        network.one.weight.mul_(4)
        network.two.weight.mul_(4)
        network.norm.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
    return network


class Dense(nn.Module):
    """Two layers of neurons, each a linear map of all that the one before puts out at a step."""

    def __init__(self, inputs: int, classes: int, lif: LIFParams) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(inputs, 12), nn.Linear(12, 8, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.neurons = nn.ModuleList([NEURONS["lif"](lif), NEURONS["lif"](lif)])
        self.readout = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.neurons[0](self.one(x.flatten(2)))
        x = self.neurons[1](self.norm(self.two(x).flatten(0, 1)).view(*x.shape[:2], -1))
        scores: torch.Tensor = self.readout(x.mean(0))
        return scores

    def layers(self) -> list[Layer]:
        one = Layer("one", "linear", self, "input", self.one, neuron=self.neurons[0])
        two = Layer("two", "linear", self, "spikes", self.two, self.norm, self.neurons[1])
        return [one, two, Layer("readout", "linear", self, "pooled", self.readout, readout=True)]
