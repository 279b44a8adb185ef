"""The default pipeline's convolutional network, average pooling, with each library's neuron."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from loops import LeakyNeuron
from others import SpikingJelly
from settings import CLASSES, PARAMS
from torch import nn

from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models.networks.cnn import CNN
from spikesound.models.networks.layout import Layout
from spikesound.params import Params
from spikesound.snn.neurons import NEURONS

FRAMES, BINS = 108, 64  # ESC-10's, at the default features
BATCH = 32

NEURON: dict[str, Callable[[], nn.Module]] = {
    "dense floor": nn.ReLU,
    "spikesound": lambda: NEURONS["lif"](PARAMS),
    "spikesound, backend torch": lambda: NEURONS["lif"](
        PARAMS.model_copy(update={"backend": "torch"})
    ),
    "snntorch": LeakyNeuron,
    "spikingjelly": SpikingJelly,
}


def network(name: str, steps: int, params_yaml: Path) -> nn.Module:
    """Make the network with a neuron; the one of each name has the same weights."""
    section = Params.load(params_yaml).networks.cnn.model_copy(update={"pool": "average"})
    torch.manual_seed(1)
    return CNN(section, Layout(BINS, CLASSES, steps), NEURON[name])


def frozen(network: nn.Module) -> FrozenCNN:
    """Return a spiking network as it is now, for inference by its spikes."""
    assert isinstance(network, CNN)
    return FrozenCNN(network)


def latencies(steps: int) -> torch.Tensor:
    """Draw spikes (time, batch, frame, bin): each bin fires once, or not in half of the cases."""
    generator = torch.Generator().manual_seed(0)
    when = torch.randint(0, 2 * steps, (BATCH, FRAMES, BINS), generator=generator)
    return (when == torch.arange(steps).view(-1, 1, 1, 1)).float()
