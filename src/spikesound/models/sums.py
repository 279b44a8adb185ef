"""What a batch norm or a bias does to the sums of a layer, before its neuron gets them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from spikesound.models.folding import affine
from spikesound.models.layers import Layer


def affine_of(
    layer: Layer, dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, npt.NDArray[Any]]:
    """Return the factor (output,) of a layer's sums in float64, and what is added, of a type."""
    synapses: Any = layer.synapses
    if isinstance(layer.norm, nn.Identity):
        factor, shift = torch.ones(len(synapses.weight), dtype=torch.float64), synapses.bias
    else:
        assert layer.norm is not None
        factor, shift = affine(layer.norm)
    return factor.detach().double(), shift.detach().to(dtype).numpy()
