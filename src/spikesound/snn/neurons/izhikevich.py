"""Izhikevich's neuron: two variables, many firing patterns."""

from __future__ import annotations

import math

import torch

from spikesound.params import IzhikevichParams
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function

PEAK_MV = 30.0  # of the spike, where the potential is reset
SCALE_MV = 100.0  # from rest to peak, roughly: the unit in which the surrogate sees the potential


def rest_mv(b: float) -> float:
    """Return the potential at rest without current, the stable root of equation 1 with u = b v."""
    return (b - 5 - math.sqrt((5 - b) ** 2 - 4 * 0.04 * 140)) / (2 * 0.04)


def advance(
    current: torch.Tensor,
    state: State,
    a: float,
    b: float,
    dt_ms: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return potential (mV) and recovery after ``dt_ms``, before any reset.

    Euler's step, for the potential made implicit where it relaxes: it divides by 1 - dt f'(v) if
    f'(v) = 0.08 v + 5 is negative. Below -87 mV the plain step of 0.5 ms overshoots, and a strong
    inhibition would end in a spike.
    """
    potential, recovery = state
    slope = 0.04 * potential * potential + 5 * potential + 140 - recovery + current
    stiffness = (-0.08 * potential - 5).clamp(min=0)
    after = potential + dt_ms * slope / (1 + dt_ms * stiffness)
    return after, recovery + dt_ms * a * (b * potential - recovery)


class Izhikevich(SpikingNeuron):
    """Izhikevich's neuron, from rest.

    .. math::
        \\dot v = 0.04 v^2 + 5 v + 140 - u + g I, \\qquad \\dot u = a (b v - u), \\qquad
        v > 30: \\; v \\leftarrow c, \\; u \\leftarrow u + d

    with v in mV and time in ms. One time step of the network lasts ``step_ms`` and is integrated
    in ``substeps`` steps; its output is 1 if the potential passed 30 mV in any of them. So a step
    of more than about 1 ms can hide a second spike. The reset is detached from the gradient; the
    spike's derivative is the surrogate's, at the step's highest potential in units of 100 mV.

    Parameters
    ----------
    params : a, b, c, d of the paper; ``gain``, the paper's current for an input of 1; ``step_ms``,
        ``substeps``; surrogate and its slope

    References
    ----------
    Izhikevich 2003, "Simple model of spiking neurons", equations 1-3.
    """

    def __init__(self, params: IzhikevichParams) -> None:
        super().__init__()
        self.params = params
        self.spike = spike_function(params.surrogate, params.slope, "neurons.izhikevich")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return potential (mV) and recovery at rest."""
        rest = rest_mv(self.params.b)
        return torch.full_like(like, rest), torch.full_like(like, self.params.b * rest)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it."""
        params = self.params
        current = params.gain * current
        highest = torch.full_like(current, -math.inf)
        for _ in range(params.substeps):
            dt_ms = params.step_ms / params.substeps
            potential, recovery = advance(current, state, params.a, params.b, dt_ms)
            highest = torch.maximum(highest, potential)
            above = potential > PEAK_MV
            state = (
                torch.where(above, torch.full_like(potential, params.c), potential),
                torch.where(above, recovery + params.d, recovery),
            )
        return self.spike((highest - PEAK_MV) / SCALE_MV), state
