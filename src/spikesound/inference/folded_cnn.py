"""A network of clips with batch norms and average pooling merged into its convolutions."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.folding import fold
from spikesound.models.grid import merged_average
from spikesound.models.layers import layers_of
from spikesound.models.networks.cnn import average_pooled


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
        if layer.kind == "convolution" and block.pooled is average_pooled:
            block.pooled = _MergedPooling(block.convolution)
    return lean


class _MergedPooling:
    """Average pooling by :func:`~spikesound.models.networks.cnn.average_pooled`, weights kept."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        self._weights: dict[tuple[int, int], torch.Tensor] = {}
        self._weight = convolution.weight.detach()

    def __call__(self, x: torch.Tensor, convolution: nn.Conv2d) -> torch.Tensor:
        rows, columns = x.shape[-2:]
        stride = 1 + (rows > 1), 1 + (columns > 1)
        if stride not in self._weights:
            merged = merged_average(self._weight, stride)
            self._weights[stride] = merged.contiguous(memory_format=torch.channels_last)
        padding = convolution.padding
        assert not isinstance(padding, str)
        return functional.conv2d(
            x, self._weights[stride], convolution.bias, stride=stride, padding=padding
        )
