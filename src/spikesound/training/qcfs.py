"""Conversion of a twin trained with the quantised clip-floor-shift activation."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from spikesound.networks.cnn import CNN
from spikesound.params import QCFSParams
from spikesound.training.convert import convert, train_source
from spikesound.training.task import Task, Trained


def train_qcfs(task: Task) -> Trained:
    """Train the ANN twin with activations of few levels, and convert it.

    Trained with as many levels as there will be steps, the twin computes what neurons that start at
    half their threshold count, when their input is steady: little is left to lose. Each layer's
    learnt :math:`\\lambda` becomes its threshold; the rest is as in
    :func:`spikesound.training.convert.train_converted`.

    References
    ----------
    Bu et al. 2022, "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking
    neural networks", equation 9 and theorem 2.
    """
    method: QCFSParams = task.method
    source = train_source(task, lambda: QCFS(method.levels))

    def learnt(network: CNN) -> list[float]:
        return [cast(QCFS, block.neuron).scale.item() for block in network.blocks]

    return convert(task, source, learnt)


class QCFS(nn.Module):
    """Quantised clip-floor-shift.

    .. math:: a = \\lambda \\, \\mathrm{clip}\\left(\\frac{1}{L}
              \\left\\lfloor \\frac{x L}{\\lambda} + \\frac12 \\right\\rfloor, 0, 1\\right)

    The floor's gradient is 1. :math:`\\lambda` is learnt, one a layer, and kept positive.

    Parameters
    ----------
    levels : L
    start : first value of the scale
    """

    def __init__(self, levels: int, start: float = 2.0) -> None:
        super().__init__()
        self.levels = levels
        self.log_scale = nn.Parameter(torch.tensor(start).log())

    @property
    def scale(self) -> torch.Tensor:
        """The scale, lambda."""
        return self.log_scale.exp()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map values of any shape to the nearest of L + 1 levels from 0 to the scale."""
        scale = self.scale
        level: torch.Tensor = _Floor.apply(x * (self.levels / scale) + 0.5)
        return scale * (level / self.levels).clamp(0, 1)


class _Floor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.floor()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0]
