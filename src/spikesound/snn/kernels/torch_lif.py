"""The plain loop over time in torch: the definition, slow, differentiable, on any device."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from spikesound.snn.kernels.rule import Rule


class State(NamedTuple):
    """State of a neuron from one step to the next.

    ``potential`` is the membrane potential before the reset of the last spike, ``wait`` (int32) in
    how many of the coming steps the neuron is held. Both have the shape of one step's currents.
    """

    potential: torch.Tensor
    wait: torch.Tensor


def rest(like: torch.Tensor) -> State:
    """Return the state at rest for currents of one step shaped, typed and placed as ``like``."""
    return State(torch.zeros_like(like), torch.zeros_like(like, dtype=torch.int32))


def step(
    current: torch.Tensor, state: State, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
) -> tuple[torch.Tensor, State]:
    """Take one step.

    .. math::
        V_t = U_{t-1} (1 - S_{t-1}) \\text{ (zero)}, \\quad U_{t-1} \\text{ (subtract, none)} \\\\
        U_t = \\beta V_t + I_t - \\theta S_{t-1} \\text{ (subtract)}, \\quad
        \\beta V_t + I_t \\text{ (zero, none)} \\\\
        S_t = [U_t > \\theta]

    A held neuron has :math:`\\beta = 1`, :math:`I_t = 0` and :math:`S_t = 0`. Without a refractory
    period this is snnTorch's ``Leaky``. No gradient flows through the reset.
    """
    potential, wait = state
    spiked = ((potential - threshold > 0) & (wait == rule.refractory)).to(current.dtype)
    if rule.reset == "zero":
        potential = (1 - spiked) * potential
    moved = beta * potential + current
    if rule.reset == "subtract":
        moved = moved - spiked * threshold
        potential = potential - spiked * threshold
    if rule.refractory == 0:
        spikes: torch.Tensor = _Spike.apply(moved - threshold, rule)
        return spikes, State(moved, wait)
    held = wait > 0
    moved = torch.where(held, potential, moved)
    spikes = torch.where(held, 0.0, _Spike.apply(moved - threshold, rule))
    wait = torch.where(spikes > 0, rule.refractory, (wait - 1).clamp(min=0))
    return spikes, State(moved, wait.to(torch.int32))


def lif(
    currents: torch.Tensor, beta: torch.Tensor, threshold: torch.Tensor, rule: Rule
) -> torch.Tensor:
    """Map currents (time, ...) to spikes of the same shape, from rest."""
    if not len(currents):
        return currents.clone()
    state = rest(currents[0])
    spikes = []
    for current in currents.unbind(0):  # currents[t] would cost O(T^2) in the backward pass
        spike, state = step(current, state, beta, threshold, rule)
        spikes.append(spike)
    return torch.stack(spikes)


def slope_at(above: torch.Tensor, rule: Rule) -> torch.Tensor:
    """Return the surrogate's derivative at a potential ``above`` the threshold; see ``Rule``."""
    if rule.surrogate == "atan":
        return rule.slope / 2 / (1 + (math.pi / 2 * rule.slope * above).pow(2))
    if rule.surrogate == "fast_sigmoid":
        return 1 / (rule.slope * above.abs() + 1).pow(2)
    if rule.surrogate == "triangular":
        return (1 - rule.slope * above.abs()).clamp(min=0)
    return torch.ones_like(above)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, above: torch.Tensor, rule: Rule) -> torch.Tensor:
        ctx.save_for_backward(above)
        ctx.rule = rule
        return (above > 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (above,) = ctx.saved_tensors
        return slope_at(above, ctx.rule) * gradients[0], None
