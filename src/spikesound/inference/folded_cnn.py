"""A network of clips with batch norms and average pooling merged into its convolutions."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.folding import fold
from spikesound.models.grid import Grid
from spikesound.models.layers import layers_of


def folded(network: nn.Module) -> nn.Module:
    """Return the network with batch norms and average pooling merged into the convolutions, once.

    The event-driven backend does so too: without it a conventional network would be timed with
    work in it that no one would leave there. The sums are the network's up to rounding.

    Raises
    ------
    SpikesoundError
        If it has no convolutions over frames and bins, or its pooling is not linear.
    """
    kinds = [layer.kind for layer in layers_of(network)]
    if "convolution" not in kinds:
        raise SpikesoundError(f"a {type(network).__name__} has no convolution to be folded")
    lean = copy.deepcopy(network).eval().requires_grad_(False)
    fold(lean)
    for layer in layers_of(lean):
        block: Any = layer.module
        if isinstance(layer.geometry, Grid) and layer.geometry.pool == "average":
            block.pooled = _Merged()
    return lean


class _Merged:
    """The one convolution of an average-pooled block, its kernel kept for each stride."""

    def __init__(self) -> None:
        self._weights: dict[tuple[int, int], torch.Tensor] = {}

    def __call__(self, x: torch.Tensor, convolution: nn.Conv2d, grid: Grid) -> torch.Tensor:
        rows, columns = x.shape[-2:]
        one = grid.on(rows, columns)
        if one.stride not in self._weights:
            weight = grid.merged(convolution.weight.detach(), rows, columns)
            self._weights[one.stride] = weight.contiguous(memory_format=torch.channels_last)
        weight = self._weights[one.stride]
        return functional.conv2d(x, weight, convolution.bias, one.stride, one.padding)
