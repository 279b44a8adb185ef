"""Parts that several neurons are made of: a decay factor, the threshold."""

from __future__ import annotations

import torch
from torch import nn


def decay(value: float, *, learn: bool) -> nn.Parameter:
    """Make one decay factor per time step for a whole layer; used through ``bounds.unit``."""
    return nn.Parameter(torch.tensor(value), requires_grad=learn)


def fired(potential: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return 1.0 where the potential is above the threshold, else 0.0, without a gradient."""
    return (potential > threshold).to(potential.dtype)
