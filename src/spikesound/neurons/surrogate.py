"""Surrogate gradients: what stands for the derivative of the spike in the backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from snntorch import surrogate

Surrogate = Callable[[torch.Tensor], torch.Tensor]

SURROGATES: dict[str, Callable[[float], Surrogate]] = {
    # dS/dU = a / 2 / (1 + (pi a U / 2)^2); Fang et al. 2021 (parametric LIF)
    "atan": lambda slope: surrogate.atan(alpha=slope),
    # dS/dU = 1 / (1 + k |U|)^2; Zenke & Ganguli 2018 (SuperSpike)
    "fast_sigmoid": lambda slope: surrogate.fast_sigmoid(slope=slope),
    # dS/dU = 1; Bengio et al. 2013
    "straight_through": lambda slope: surrogate.straight_through_estimator(),
}
