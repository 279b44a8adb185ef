"""Integrate-and-fire with exponential synaptic currents, in mV, nA, nF and ms."""

from __future__ import annotations

import math

import torch

from spikesound.params import CurrExpParams
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import spike_function


class CurrExp(SpikingNeuron):
    """Leaky integrate-and-fire behind exponentially decaying synapses, exact in each step, at rest.

    .. math::
        C \\dot V = \\frac{C}{\\tau_m} (V_{rest} - V) + I, \\qquad \\dot I = -\\frac{I}{\\tau_s}

    Its input in a step is the sum of the weights, in nA, of the spikes that come in at the step's
    end: I rises by it behind the step. A spike where V is at or above the threshold; then V is held
    at its reset for the refractory time. Between two steps both are solved exactly,

    .. math::
        V_{t+h} = V_{rest} + e^{-h/\\tau_m} (V_t - V_{rest}) +
        \\frac{\\tau_s \\tau_m}{C (\\tau_s - \\tau_m)}
        \\left( e^{-h/\\tau_s} - e^{-h/\\tau_m} \\right) I_t

    Parameters
    ----------
    params : time constants, capacitance, potentials, refractory time, length of a step, surrogate

    References
    ----------
    Rotter and Diesmann 1999, "Exact digital simulation of time-invariant linear systems with
    applications to neuronal modeling"; PyNN's ``IF_curr_exp`` and NEST's ``iaf_psc_exp``.
    """

    def __init__(self, params: CurrExpParams) -> None:
        super().__init__()
        h, tau_m, tau_s = params.step_ms, params.tau_m_ms, params.tau_syn_ms
        self.keep_v, self.keep_i = math.exp(-h / tau_m), math.exp(-h / tau_s)
        self.gain = tau_s * tau_m / (params.cm_nf * (tau_s - tau_m)) * (self.keep_i - self.keep_v)
        self.rest, self.reset = params.v_rest_mv, params.v_reset_mv
        self.threshold = params.v_thresh_mv
        self.held = round(params.tau_refrac_ms / h)
        self.spike = spike_function(params.surrogate, params.slope, "neurons.curr_exp")

    def initial_state(self, like: torch.Tensor) -> State:
        """Return synaptic current, potential above rest, and steps that it is still held."""
        return torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the weights (batch, ...) of the spikes of one time step to spikes and the state."""
        synaptic, above, held = state
        free = (held <= 0).to(above.dtype)
        moved = self.keep_v * above + self.gain * synaptic
        above = free * moved + (1 - free) * above
        # At the threshold it spikes, as in NEST; the surrogate's step is above zero.
        excess = above - (self.threshold - self.rest)
        spikes = self.spike(excess + torch.finfo(above.dtype).eps * abs(self.threshold)) * free
        fired = spikes.detach()
        above = fired * (self.reset - self.rest) + (1 - fired) * above
        held = fired * self.held + (1 - fired) * (held - 1).clamp(min=0)
        return spikes, (self.keep_i * synaptic + current, above, held)
