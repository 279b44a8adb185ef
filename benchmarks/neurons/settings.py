"""What all networks share: the neuron's law, and spikes to feed them with."""

from __future__ import annotations

import torch

from spikesound.params import LIFParams

INPUTS, HIDDEN, CLASSES = 64, 256, 10
WIDTHS = (INPUTS, HIDDEN, HIDDEN, CLASSES)
BETA = 0.9
SLOPE = 2.0
PARAMS = LIFParams(
    beta=BETA,
    learn_beta=False,
    threshold=1.0,
    learn_threshold=False,
    reset="subtract",
    refractory=0,
    surrogate="atan",
    slope=SLOPE,
    backend="auto",
)


def spikes(steps: int, batch: int, rate: float, units: int = INPUTS) -> torch.Tensor:
    """Draw spikes (time, batch, unit) that are 1 with a probability of ``rate``."""
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(steps, batch, units, generator=generator) < rate).float()
