"""The CNN of clips with batch norms and average pooling merged into its convolutions."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.networks.cnn import CNN, Block, average_pooled


def folded(network: nn.Module) -> CNN:
    """Return the CNN with each block's batch norm and pooling merged into its convolution, once.

    The event-driven backend does so too: without it a conventional network would be timed with
    work in it that no one would leave there. The sums are the network's up to rounding.

    Raises
    ------
    SpikesoundError
        If the network is of another kind.
    """
    if not isinstance(network, CNN):
        raise SpikesoundError(f"a {type(network).__name__} cannot be folded; valid: CNN")
    lean = copy.deepcopy(network).eval().requires_grad_(False)
    for block in lean.blocks:
        assert isinstance(block, Block)
        if isinstance(block.norm, nn.BatchNorm2d):
            block.fold()
        if block.pooled is average_pooled:
            block.pooled = _MergedPooling(block.convolution)
    return lean


class _MergedPooling:
    """Average pooling by :func:`~spikesound.models.networks.cnn.average_pooled`, weights kept."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        self._weights: dict[tuple[int, int], torch.Tensor] = {}
        self._weight = convolution.weight.detach()

    def __call__(self, x: torch.Tensor, convolution: nn.Conv2d) -> torch.Tensor:
        rows, columns = x.shape[-2:]
        stride = high, wide = 1 + (rows > 1), 1 + (columns > 1)
        if stride not in self._weights:
            padded = functional.pad(self._weight, (wide - 1, wide - 1, high - 1, high - 1))
            merged = functional.avg_pool2d(padded, stride, stride=1)
            self._weights[stride] = merged.contiguous(memory_format=torch.channels_last)
        padding = convolution.padding
        assert not isinstance(padding, str)
        return functional.conv2d(
            x, self._weights[stride], convolution.bias, stride=stride, padding=padding
        )
