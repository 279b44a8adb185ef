"""Batch norms folded into the synapses before them."""

from __future__ import annotations

from torch import nn

from spikesound.models.networks.cnn import Block


def fold(network: nn.Module) -> None:
    """Fold the batch norm of each block into its convolution."""
    for module in network.modules():
        if isinstance(module, Block):
            module.fold()
