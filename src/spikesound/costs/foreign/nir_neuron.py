"""Neurons of a NIR graph as a torch module."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikesound.costs.foreign.neurons import Neuron

LEAST_LEAK = 2.0**-30
"""Of a state, by step: files that cannot express a neuron without a leak give it a smaller one."""


class NIRNeuron(nn.Module):
    """Neurons of NIR, by Euler's steps of dt.

    .. math:: \\tau \\dot v = v_{leak} - v + R I, \\qquad \\tau_{syn} \\dot I = w_{in} S - I

    A spike where v > v_threshold, after which v is v_reset, or less by the threshold where the
    graph has a node that takes it off. Without tau v is the sum of R I dt.

    References
    ----------
    Pedersen et al. 2024, "Neuromorphic intermediate representation", table 1.
    """

    def __init__(self, node: Any, dt_s: float, subtract: bool) -> None:
        super().__init__()
        self.kind = type(node).__name__
        tau = getattr(node, "tau_mem", None)
        tau = getattr(node, "tau", None) if tau is None else tau
        self.share = None if tau is None else dt_s / torch.as_tensor(tau).double()
        self.r = torch.as_tensor(getattr(node, "r", 1.0)).double()
        self.leak = torch.as_tensor(getattr(node, "v_leak", 0.0)).double()
        threshold = getattr(node, "v_threshold", getattr(node, "threshold", None))
        self.threshold = None if threshold is None else torch.as_tensor(threshold).double()
        self.resets_to = torch.as_tensor(_default(getattr(node, "v_reset", None), 0.0)).double()
        synapse = getattr(node, "tau_syn", None)
        self.synaptic = None if synapse is None else dt_s / torch.as_tensor(synapse).double()
        self.weight = torch.as_tensor(getattr(node, "w_in", 1.0)).double()
        self.dt_s, self.subtract = dt_s, subtract
        self.counted_as = Neuron(self._unit())
        self.v: Any = 0.0
        self.i: Any = 0.0
        self.owed: Any = 0.0

    def _unit(self) -> str:
        """Return the unit that it is priced as.

        A membrane whose time constant is a step has no memory of its own: with the synapse before
        it, it is one leaky state. A state that leaks no more than :data:`LEAST_LEAK` does not leak.
        """
        plain = {"Threshold": "threshold", "IF": "integrate_and_fire", "I": "integrator"}
        if self.kind in plain:
            return plain[self.kind]
        one, two = ("li", "current_li") if self.threshold is None else ("lif", "cuba_lif")
        assert self.share is not None
        at_once = torch.allclose(self.share, torch.ones_like(self.share))
        if self.synaptic is not None and not at_once:
            return two
        leak = self.share if self.synaptic is None else self.synaptic
        if bool((leak <= LEAST_LEAK).all()):
            return "integrator" if self.threshold is None else "integrate_and_fire"
        return one

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        """Return spikes or, of a neuron without a threshold, potentials of this step."""
        x = current.double()
        if self.kind == "Threshold":
            assert self.threshold is not None
            above: torch.Tensor = (x > self.threshold).double()
            return above
        x = x - self.owed
        if self.synaptic is not None:
            self.i = self.i + self.synaptic * (self.weight * x - self.i)
            x = self.i
        if self.share is None:
            self.v = self.v + self.dt_s * self.r * x
        else:
            self.v = self.v + self.share * (self.leak - self.v + self.r * x)
        if self.threshold is None:
            return torch.as_tensor(self.v)
        spikes: torch.Tensor = (self.v > self.threshold).double()
        self.v = torch.where(spikes > 0, self.resets_to, self.v)
        if self.subtract:
            self.owed = spikes * self.threshold
        return spikes


def _default(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
