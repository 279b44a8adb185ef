"""snnTorch's neurons run as its tutorials do: a loop over time."""

from __future__ import annotations

import snntorch
import torch
from settings import BETA, HIDDEN, SLOPE
from snntorch import surrogate
from torch import nn


def leaky() -> nn.Module:
    return snntorch.Leaky(beta=BETA, spike_grad=surrogate.atan(alpha=SLOPE))  # type: ignore[no-any-return]


class LeakyLayers(nn.Module):
    """Linear layers, each with a ``Leaky``."""

    def __init__(self, linears: nn.ModuleList) -> None:
        super().__init__()
        self.linears = linears
        self.cells = nn.ModuleList(leaky() for _ in linears)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        potentials = [torch.zeros(x.shape[1], each.out_features) for each in self.linears]
        out = []
        for spikes in x.unbind(0):
            for number, (linear, cell) in enumerate(zip(self.linears, self.cells, strict=True)):
                spikes, potentials[number] = cell(linear(spikes), potentials[number])
            out.append(spikes)
        return torch.stack(out)


class LeakyNeuron(nn.Module):
    """One ``Leaky`` over currents (time, ...): it takes a neuron's place in a network of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = leaky()

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        potential = torch.zeros_like(currents[0])
        out = []
        for current in currents.unbind(0):
            spikes, potential = self.cell(current, potential)
            out.append(spikes)
        return torch.stack(out)


class RecurrentLeaky(nn.Module):
    """One ``RLeaky`` over currents (time, batch, feature)."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = snntorch.RLeaky(
            beta=BETA, linear_features=HIDDEN, spike_grad=surrogate.atan(alpha=SLOPE)
        )

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        spikes, potential = torch.zeros_like(currents[0]), torch.zeros_like(currents[0])
        out = []
        for current in currents.unbind(0):
            spikes, potential = self.cell(current, spikes, potential)
            out.append(spikes)
        return torch.stack(out)
