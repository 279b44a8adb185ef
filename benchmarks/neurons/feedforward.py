"""The network 64-256-256-10 in each library, weights scaled so that every layer spikes alike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from loops import LeakyLayers
from others import Norse, Sinabs, SpikingJelly
from settings import BETA, CLASSES, HIDDEN, INPUTS, PARAMS, WIDTHS
from torch import nn

from spikesound.snn.event_driven.spiking_linear import SpikingLinear, SpikingStack


def spiking_stack(x: torch.Tensor, rate: float) -> SpikingStack:
    """Make our network, and scale each layer's weights until it spikes at the rate."""
    torch.manual_seed(1)
    stack = SpikingStack(*(SpikingLinear(a, b, PARAMS) for a, b in pairwise(WIDTHS)))
    with torch.no_grad():
        for layer in stack:
            layer.linear.bias.zero_()
            weights = layer.linear.weight.clone()
            low, high = 0.0, 50.0
            for _ in range(20):
                scale = (low + high) / 2
                layer.linear.weight.copy_(weights * scale)
                above = layer(x).mean() > rate
                low, high = (low, scale) if above else (scale, high)
            x = layer(x)
    return stack


def linears(stack: SpikingStack, scale: float = 1.0) -> nn.ModuleList:
    """Copy the stack's weights into torch's own layers."""
    copies = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(WIDTHS))
    with torch.no_grad():
        for copied, layer in zip(copies, stack, strict=True):
            copied.weight.copy_(layer.linear.weight * scale)
            copied.bias.copy_(layer.linear.bias * scale)
    return copies


class Gated(nn.Module):
    """LSTM or GRU, and a linear read-out."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.recurrent = kind(INPUTS, HIDDEN)
        self.readout = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.readout(self.recurrent(x)[0])
        return scores


def _in_turn(layers: nn.ModuleList, neuron: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(*(part for layer in layers for part in (layer, neuron())))


NETWORKS: dict[str, Callable[[SpikingStack], nn.Module]] = {
    "dense floor": lambda stack: _in_turn(linears(stack), nn.ReLU),
    "spikesound": lambda stack: stack,
    "snntorch": lambda stack: LeakyLayers(linears(stack)),
    "lstm": lambda stack: Gated(nn.LSTM),
    "gru": lambda stack: Gated(nn.GRU),
    "spikingjelly": lambda stack: _in_turn(linears(stack), SpikingJelly),
    "norse": lambda stack: _in_turn(linears(stack, 1 / (1 - BETA)), Norse),
    "sinabs": lambda stack: _in_turn(linears(stack), Sinabs),
}
