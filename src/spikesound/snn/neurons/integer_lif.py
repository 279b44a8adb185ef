"""Integer LIF: several spikes for a step, counted in training and given one by one in inference."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.params import IntegerLIFParams
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.spiking import SpikingNeuron, State


class IntegerLIF(SpikingNeuron):
    """Leaky integrate-and-fire whose spikes of a step are a number from 0 to D.

    .. math::
        U_t = \\beta (U_{t-1} - S_{t-1}) + I_t, \\qquad
        S_t = \\mathrm{clip}(\\mathrm{round}(U_t), 0, D)

    As trained (``binary: false``) it puts out :math:`S_t / D`. In inference (``binary: true``) a
    step is D substeps, of which the first :math:`S_t` have a spike, and the current of a step is
    the mean of those of its substeps. Maps between layers are linear, so that the two compute the
    same: the mean of D substeps' spikes is :math:`S_t / D`. A neuron waits for all substeps of a
    step before it spikes.

    The reset is detached from the gradient; that of the rounding is 1 where U lies in [0, D].

    Parameters
    ----------
    params : decay beta, one for the layer and learnt if ``learn_beta``; D; which of the two it is

    References
    ----------
    Luo et al. 2024, "Integer-valued training and spike-driven inference spiking neural network for
    high-performance and energy-efficient object detection", equations 7 to 12.
    """

    def __init__(self, params: IntegerLIFParams) -> None:
        super().__init__()
        self.levels, self.binary = params.levels, params.binary
        self.beta = nn.Parameter(torch.tensor(params.beta), params.learn_beta)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the state at rest: what is left of the potential after the last step's spikes."""
        return (torch.zeros_like(like),)

    def advance(self, currents: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map currents (time, batch, ...) to spikes of the same shape and the state after them.

        Raises
        ------
        SpikesoundError
            If the substeps of a binary neuron are not whole steps.
        """
        levels = self.levels
        if self.binary:
            if len(currents) % levels:
                raise SpikesoundError(
                    f"integer_lif: expected whole steps of {levels} substeps, got {len(currents)}"
                )
            currents = currents.reshape(-1, levels, *currents.shape[1:]).mean(1)
        numbers, left = counted(currents, state[0], unit(self.beta), levels)
        return (one_by_one(numbers, levels) if self.binary else numbers / levels), (left,)


def counted(
    currents: torch.Tensor, left: torch.Tensor, beta: torch.Tensor, levels: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the number of spikes of each step (time, ...), and what is left of the potential.

    Parameters
    ----------
    currents : (time, ...)
    left : of the potential after the spikes of the step before
    """
    counts = []
    for current in currents.unbind(0):
        potential = beta * left + current
        number = count(potential, levels)
        left = potential - number.detach()
        counts.append(number)
    return torch.stack(counts), left


def one_by_one(counts: torch.Tensor, substeps: int) -> torch.Tensor:
    """Return numbers (time, ...) as spikes (time x substep, ...), the first ones of each step."""
    places = torch.arange(substeps, device=counts.device)
    places = places.view(1, -1, *[1] * (counts.dim() - 1))
    return (places < counts.unsqueeze(1)).to(counts.dtype).flatten(0, 1)


def count(potential: torch.Tensor, levels: int) -> torch.Tensor:
    """Return the number of spikes, rounded, 0 to D; its gradient is 1 where U lies in [0, D]."""
    number: torch.Tensor = _Count.apply(potential, levels)
    return number


class _Count(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, potential: torch.Tensor, levels: int) -> torch.Tensor:
        ctx.save_for_backward(potential)
        ctx.levels = levels
        return potential.round().clamp(0, levels)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (potential,) = ctx.saved_tensors
        inside = (potential >= 0) & (potential <= ctx.levels)
        return gradients[0] * inside, None
