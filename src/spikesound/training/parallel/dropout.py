"""Dropout by the mask of the whole batch, of which each process takes its clips."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.training.parallel.share import BatchShare


class RankDropout(nn.Dropout):
    """Dropout that drops what one process with the whole batch would drop.

    All ranks draw the mask of the whole batch from the same seed, and each takes its own rows: so
    the number of ranks changes no draw.

    Parameters
    ----------
    share : of the batch
    """

    def __init__(self, p: float, share: BatchShare) -> None:
        super().__init__(p)
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, feature), or (time, batch, ...), to the same with zeros.

        Raises
        ------
        SpikesoundError
            If neither of the first two axes is the batch.
        """
        if not self.training:
            return x
        axis = self._batch_axis(x)
        shape = [*x.shape]
        shape[axis] = self.share.clips
        # Draws go through memory in its order: that of the whole batch is as of a rank's clips.
        order = sorted(range(x.dim()), key=lambda each: (-x.stride()[each], each))
        ones = x.new_ones([shape[each] for each in order]).permute(_inverse(order))
        mask = functional.dropout(ones, self.p)
        return x * mask.index_select(axis, self.share.rows.to(x.device))

    def _batch_axis(self, x: torch.Tensor) -> int:
        clips = len(self.share.rows)
        for axis in (0, 1) if x.dim() == 2 else (1, 0):
            if x.shape[axis] == clips:
                return axis
        raise SpikesoundError(
            f"dropout of an input {tuple(x.shape)}: expected the {clips} clips of this device on "
            "its first or second axis; train the network with device.devices: 1"
        )


def _inverse(order: list[int]) -> list[Any]:
    return sorted(range(len(order)), key=order.__getitem__)
