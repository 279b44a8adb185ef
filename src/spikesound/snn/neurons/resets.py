"""Reset of a neuron's states in the step after a spike, behind their update."""

from __future__ import annotations

from collections.abc import Sequence

import torch

Amount = torch.Tensor | float


def reset_all(
    reset: str, states: Sequence[torch.Tensor], amounts: Sequence[Amount], after: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return updated states, reset where the step before had a spike.

    Parameters
    ----------
    reset : ``subtract`` takes the amounts off, ``zero`` sets the states to zero, ``none`` leaves
        them
    after : 1.0 where the step before had a spike, else 0.0, without a gradient
    """
    if reset == "none":
        return tuple(states)
    taken = amounts if reset == "subtract" else states
    return tuple(state - after * each for state, each in zip(states, taken, strict=True))
