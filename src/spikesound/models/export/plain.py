"""A model with the plain loop over time in place of compiled kernels."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from spikesound.models.loading import TrainedModel


def plain_loops(model: TrainedModel, dtype: torch.dtype = torch.float32) -> TrainedModel:
    """Return a copy whose neurons loop over time in torch, with weights of a type.

    The spikes are the same: tests of the kernels hold them to it.
    """
    network = copy.deepcopy(model.network).to(dtype).eval()
    for module in network.modules():
        if hasattr(module, "backend"):  # of a neuron with compiled kernels
            module.backend = "torch"  # type: ignore[assignment]
    return replace(model, network=network)
