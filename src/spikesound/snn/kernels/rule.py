"""Update rule of a leaky integrate-and-fire neuron, apart from its decay and threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from spikesound.core.errors import SpikesoundError, choose

SURROGATE_CODES = {"atan": 0, "fast_sigmoid": 1, "triangular": 2, "straight_through": 3}
RESETS = ("subtract", "zero", "none")


@dataclass(frozen=True)
class Rule:
    """Reset, refractory period and surrogate gradient.

    With U the potential above the threshold, the derivative that stands for the spike's is

    ================  =================================
    atan              a / 2 / (1 + (pi a U / 2)^2)
    fast_sigmoid      1 / (1 + k |U|)^2
    triangular        max(0, 1 - k |U|)
    straight_through  1
    ================  =================================

    Parameters
    ----------
    reset : ``subtract`` takes the threshold off the potential in the step after a spike, ``zero``
        sets it to zero before that step, ``none`` leaves it
    refractory : steps after a spike in which the neuron is held: it takes in no current, does not
        leak and cannot spike
    surrogate, slope : name and steepness (a or k above)

    Raises
    ------
    SpikesoundError
        If the reset or the surrogate is not known.
    """

    reset: str = "subtract"
    refractory: int = 0
    surrogate: str = "atan"
    slope: float = 2.0

    def __post_init__(self) -> None:
        choose(dict.fromkeys(RESETS), self.reset, "reset")
        choose(SURROGATE_CODES, self.surrogate, "surrogate")

    @property
    def code(self) -> int:
        """Number of the surrogate, for kernels that take no strings."""
        return SURROGATE_CODES[self.surrogate]

    @property
    def stays(self) -> float:
        """Factor of the potential in the step after a spike."""
        return 0.0 if self.reset == "zero" else 1.0

    @property
    def drops(self) -> float:
        """Number of thresholds taken off the potential in the step after a spike."""
        return 1.0 if self.reset == "subtract" else 0.0


def once(ctx: Any) -> None:
    """Refuse a second derivative, and a second pass: the first has overwritten what it needs."""
    if torch.is_grad_enabled():  # by create_graph: gradients would pass for constants
        raise SpikesoundError(
            "a fused backward pass has no second derivative (create_graph=True); "
            "backend 'torch' has one"
        )
    if getattr(ctx, "spent", False):
        raise SpikesoundError("a fused backward pass runs once; backend 'torch' can be run again")
    ctx.spent = True
