"""Layers that compute over a batch, replaced by those that compute over the batch of all ranks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from spikesound.core.errors import SpikesoundError
from spikesound.training.parallel.batch_norm import over_ranks
from spikesound.training.parallel.dropout import RankDropout
from spikesound.training.parallel.share import BatchShare

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def replace_layers(
    network: nn.Module, share: BatchShare, device: torch.device
) -> Callable[[], None]:
    """Replace batch norms and dropout by those over all ranks, and return what puts them back.

    Weights, running figures and their names in the state dict stay the same ones.

    Raises
    ------
    SpikesoundError
        If a layer draws in a way that depends on the number of ranks.
    """
    before = [
        (parent, name, layer, made)
        for parent in network.modules()
        for name, layer in parent.named_children()
        if (made := _over_ranks(layer, share, device)) is not None
    ]
    for parent, name, _, made in before:
        setattr(parent, name, made)

    def put_back() -> None:
        for parent, name, layer, made in before:
            setattr(parent, name, layer.train(made.training))

    return put_back


def _over_ranks(layer: nn.Module, share: BatchShare, device: torch.device) -> nn.Module | None:
    if isinstance(layer, BATCH_NORMS):
        return over_ranks(layer, device)
    if type(layer) is nn.Dropout:
        return RankDropout(layer.p, share) if layer.p else None
    if isinstance(layer, _DropoutNd) or (isinstance(layer, nn.RNNBase) and layer.dropout):
        raise SpikesoundError(
            f"dropout of {type(layer).__name__}: several devices drop what one would by "
            "torch.nn.Dropout alone; use it, or set device.devices: 1"
        )
    return None
