"""Random spikes, and parameters of a plain LIF neuron."""

from __future__ import annotations

import torch

from spikesound.params import LIFParams


def spikes_of(shape: tuple[int, ...], rate: float, seed: int = 0) -> torch.Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def lif_params(**changes: object) -> LIFParams:
    values: dict[str, object] = {
        "beta": 0.9,
        "learn_beta": False,
        "threshold": 1.0,
        "learn_threshold": False,
        "reset": "subtract",
        "refractory": 0,
        "surrogate": "atan",
        "slope": 2.0,
        "backend": "auto",
    }
    return LIFParams.model_validate(values | changes)
