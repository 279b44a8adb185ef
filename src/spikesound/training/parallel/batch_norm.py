"""Batch norm over the batch of all processes, on any device."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from spikesound.training.parallel.sums import summed


class RankBatchNorm(_BatchNorm):
    """Batch norm whose mean and variance are those of the clips of all ranks.

    .. math:: y = \\gamma \\frac{x - \\mu}{\\sqrt{\\sigma^2 + \\epsilon}} + \\beta, \\qquad
              \\mu = \\frac{1}{n} \\sum_r \\sum_i x_{ri}, \\quad
              \\sigma^2 = \\frac{1}{n} \\sum_r \\sum_i (x_{ri} - \\mu)^2

    over the n values of a channel on all ranks, whatever each one's number of clips; the running
    figures are the same on all of them. It does what :class:`torch.nn.SyncBatchNorm` does, which
    is of CUDA alone. State dict and evaluation are those of ``torch.nn.BatchNorm1d`` and
    ``BatchNorm2d``.

    References
    ----------
    Ioffe & Szegedy 2015, "Batch normalization".
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, channel, ...) to the same, normed."""
        if not self.training:
            return super().forward(x)
        axes = [0, *range(2, x.dim())]
        values = x.float()
        count = values.new_tensor([x.numel() // x.shape[1]])
        total = summed(torch.cat([values.sum(axes), count]))
        number = total[-1]
        mean = total[:-1] / number
        centred = values - _along(mean, x)
        variance = summed(centred.square().sum(axes)) / number
        self._count(mean.detach(), variance.detach() * number / (number - 1))
        out = centred * _along((variance + self.eps).rsqrt(), x)
        if self.affine:
            out = out * _along(self.weight, x) + _along(self.bias, x)
        return out.to(x.dtype)

    def _count(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Take a batch's figures into the running ones."""
        if self.num_batches_tracked is None:
            return
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        counted = self.num_batches_tracked.item()
        share = 1 / counted if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Take any number of axes after the channels."""


def over_ranks(norm: nn.Module, device: torch.device) -> nn.Module:
    """Return a batch norm over all ranks that shares the weights and figures of an ordinary one."""
    assert isinstance(norm, _BatchNorm)
    kind = nn.SyncBatchNorm if device.type == "cuda" else RankBatchNorm
    made = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    made._parameters, made._buffers = norm._parameters, norm._buffers
    return made.train(norm.training)


def _along(channels: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return channels.view(1, -1, *[1] * (x.dim() - 2))
