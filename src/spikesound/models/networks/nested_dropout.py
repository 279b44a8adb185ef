"""Nested dropout: in training some clips are read without the last groups of features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class NestedDropout(nn.Module):
    r"""Features of the first groups alone, for a share of the training clips.

    For each clip, with probability ``share``, a number s of groups is drawn, uniform in 1 to S - 1,
    and the features of the others are set to zero. What reads the features linearly is then trained
    on

    .. math:: L = (1 - p) L_S + \frac{p}{S - 1} \sum_{s=1}^{S-1} L_s

    in the mean, with the loss :math:`L_s` of a reading of the first s groups: a supervision of each
    group that needs one reading a clip. Nothing is scaled. Outside of training all features pass.

    Parameters
    ----------
    sizes : features of each of the S groups, in their order
    share : p

    References
    ----------
    Rippel, Gelbart & Adams 2014, "Learning ordered representations with nested dropout".
    """

    def __init__(self, sizes: Sequence[int], share: float) -> None:
        super().__init__()
        self.sizes, self.share = tuple(sizes), share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, feature) to the same shape."""
        groups = len(self.sizes)
        if not self.training or not self.share or groups == 1:
            return x
        batch = x.shape[1]
        fewer = torch.rand(batch, device=x.device) < self.share
        drawn = torch.randint(1, groups, (batch,), device=x.device)
        kept = torch.where(fewer, drawn, groups)
        sizes = torch.tensor(self.sizes, device=x.device)
        group = torch.arange(groups, device=x.device).repeat_interleave(sizes)
        return x * (group < kept[:, None]).to(x)
