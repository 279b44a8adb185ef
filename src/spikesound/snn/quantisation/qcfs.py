"""Quantised activation: ReLU, clipped to a learnt range and rounded."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class QCFS(nn.Module):
    """Quantised clip-floor-shift.

    .. math:: a = \\lambda \\, \\mathrm{clip}\\left(\\frac{1}{L}
              \\left\\lfloor \\frac{x L}{\\lambda} + \\frac12 \\right\\rfloor, 0, 1\\right)

    With :math:`L = 2^b - 1` its values are those of b bits. The floor's gradient is 1.
    :math:`\\lambda` is learnt, one a layer, and kept positive.

    Parameters
    ----------
    levels : L
    start : first value of the scale

    References
    ----------
    Bu et al. 2022, "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking
    neural networks", equation 9.
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
