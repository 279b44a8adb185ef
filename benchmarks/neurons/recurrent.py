"""A layer that hears its own last spikes, 64-256-10, in each library; LSTM and GRU beside it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from feedforward import Gated
from loops import RecurrentLeaky
from others import NorseRecurrent, Sinabs, SpikingJelly
from settings import CLASSES, HIDDEN, INPUTS, PARAMS
from torch import nn

from spikesound.snn.neurons import RECURRENT


class DenseRecurrent(nn.Module):
    """The same products with ReLU, each step's from the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Linear(HIDDEN, HIDDEN, bias=False)

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        last = torch.zeros_like(currents[0])
        out = []
        for current in currents.unbind(0):
            last = torch.relu(current + self.weights(last))
            out.append(last)
        return torch.stack(out)


def _between(hidden: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(INPUTS, HIDDEN), hidden(), nn.Linear(HIDDEN, CLASSES))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "dense floor": lambda: _between(DenseRecurrent),
    "spikesound": lambda: _between(lambda: RECURRENT["lif"](PARAMS, HIDDEN)),
    "snntorch": lambda: _between(RecurrentLeaky),
    "lstm": lambda: Gated(nn.LSTM),
    "gru": lambda: Gated(nn.GRU),
    "spikingjelly": lambda: _between(lambda: SpikingJelly(recurrent=True)),
    "norse": lambda: nn.Sequential(NorseRecurrent(INPUTS), nn.Linear(HIDDEN, CLASSES)),
    "sinabs": lambda: _between(lambda: Sinabs(recurrent=True)),
}
