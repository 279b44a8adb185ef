"""A spiking network in NEST, on a grid of two steps of NEST for each of the network's.

Synapses of NEST have a delay, so that a layer's spikes reach the next one in the next step of the
network: layer l, counted from 0, is l steps late, and so are its constant currents. Currents come
as spikes of generators, weighted by the current.

- Reset ``zero``: ``iaf_psc_delta``, whose potential decays by :math:`e^{-h / \\tau_m}` in a step h,
  jumps by the weight when a spike arrives, and is set to ``V_reset`` at the threshold. With
  :math:`\\tau_m = -2 h / \\ln \\beta` two steps of it are one of :math:`\\beta (1 - S) U + I`.
- Reset ``none``: ``mat2_psc_exp``, which has no reset, its adaptive threshold held constant
  (:math:`\\alpha_1 = \\alpha_2 = 0`). A spike is an exponential current of
  :math:`\\tau_s = h / 100`, gone after the step in which it moves the potential by the propagator
  :math:`P_{21}`; weights are divided by that. Its refractory period is at least one step, which is
  why the network has one of its steps for two of NEST's: none of the spikes falls on the other.
- Reset ``subtract``: the same, and a synapse from each neuron to itself that takes the threshold
  off, at the network's next step.

A neuron of NEST spikes at :math:`U \\ge \\theta`, one of the network at :math:`U > \\theta`: the
threshold in NEST is the next larger number. Between the network's steps a potential only decays,
and inputs arrive at none of them, so that nothing spikes there: this is checked.

References
----------
Rotter and Diesmann 1999, "Exact digital simulation of time-invariant linear systems with
applications to neuronal modeling"; Kobayashi, Tsubo and Shinomoto 2009 (the neuron without reset);
the documentation of NEST's models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikesound.core.errors import SpikesoundError
from spikesound.inference.simulators.populations import (
    Floats,
    Graph,
    Numbers,
    Population,
    Spikes,
)
from spikesound.inference.simulators.reference import Reference
from spikesound.models.export.exported import library

H_MS = 0.5
"""A step of NEST; two of them are one of the network's."""

FIRST = 4
"""Step of NEST in which the first layer's first step ends."""

SYNAPSE = H_MS / 100
"""Time constant of a synaptic current, which is gone in the next step."""

LEAST_LEAK = 2.0**-40
"""Of a neuron without a leak, by step: a time constant is finite."""

LEAST_DECAY = 1e-6


@dataclass(frozen=True)
class Cell:
    """NEST's neuron for a population.

    Attributes
    ----------
    model, params : of ``nest.Create``
    gain : what weights are multiplied by
    delay : steps of NEST from a spike to the step before that in which it moves the potential of
        the next of the network's steps
    itself : weight of a synapse from each neuron to itself; 0: there is none
    """

    model: str
    params: dict[str, float]
    gain: float
    delay: int
    itself: float


def cell_of(population: Population) -> Cell:
    """Return NEST's neuron for a population.

    Raises
    ------
    SpikesoundError
        If its decay is too near to zero for a time constant.
    """
    if population.beta < LEAST_DECAY:
        raise SpikesoundError(
            f"{population.name}: NEST needs a decay of at least {LEAST_DECAY:g}, "
            f"got {population.beta:g}"
        )
    tau = -2 * H_MS / math.log(min(population.beta, 1 - LEAST_LEAK))
    threshold = math.nextafter(population.threshold, math.inf)
    common = {"C_m": 1.0, "tau_m": tau, "E_L": 0.0, "V_m": 0.0, "I_e": 0.0}
    if population.reset == "zero":
        params = common | {"V_th": threshold, "V_reset": 0.0, "t_ref": 0.0}
        return Cell("iaf_psc_delta", params, 1.0, 2, 0.0)
    params = common | {
        "tau_syn_ex": SYNAPSE, "tau_syn_in": SYNAPSE, "t_ref": H_MS, "omega": threshold,
        "tau_1": 1.0, "tau_2": 1.0, "alpha_1": 0.0, "alpha_2": 0.0,
    }  # fmt: skip
    itself = -population.threshold if population.reset == "subtract" else 0.0
    return Cell("mat2_psc_exp", params, 1 / _propagator(tau), 1, itself)


def _propagator(tau: float) -> float:
    """Return by how much a unit of synaptic current moves the potential in a step of NEST."""
    decayed = math.exp(-H_MS / SYNAPSE) * math.expm1(H_MS * (1 / SYNAPSE - 1 / tau))
    return -tau / (1 - tau / SYNAPSE) * decayed


def run_nest(graph: Graph, given: Reference) -> dict[str, Spikes]:
    """Return the spikes (step, neuron) of each population in NEST, from rest.

    Parameters
    ----------
    given : its currents are the input

    Raises
    ------
    SpikesoundError
        If NEST is not installed, or a spike falls between the network's steps.
    """
    nest = library("nest", "opinions")
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = H_MS
    cells = {each.name: cell_of(each) for each in graph.populations}
    nodes = {
        each.name: nest.Create(cells[each.name].model, each.size, params=cells[each.name].params)
        for each in graph.populations
    }
    first = {name: int(each[0].global_id) for name, each in nodes.items()}
    recorders = {}
    for late, population in enumerate(graph.populations):
        name, cell = population.name, cells[population.name]
        if late == 0:
            _give(nest, nodes[name], given.currents, cell, _starts(given.steps, 0))
        elif population.bias.any():
            starts = _starts(given.steps, late)
            generator = nest.Create("spike_generator", params={"spike_times": starts})
            sources = np.full(population.size, generator.global_id)
            targets = first[name] + np.arange(population.size)
            weights = population.bias * cell.gain
            _connect(nest, sources, targets, weights, np.full(population.size, cell.delay))
        if cell.itself:
            own = first[name] + np.arange(population.size)
            weights = np.full(population.size, cell.itself * cell.gain)
            _connect(nest, own, own, weights, np.full(population.size, cell.delay))
        recorders[name] = nest.Create("spike_recorder")
        nest.Connect(nodes[name], recorders[name])
    for each in graph.projections:
        cell = cells[each.target]
        _connect(
            nest,
            first[each.source] + each.before,
            first[each.target] + each.after,
            each.weight * cell.gain,
            cell.delay + 2 * each.delay,
        )
    nest.Simulate(H_MS * (FIRST + 2 * (given.steps + len(graph.populations)) + 2))
    return {
        population.name: _recorded(
            recorders[population.name].events, population, first[population.name], late, given.steps
        )
        for late, population in enumerate(graph.populations)
    }


def _starts(steps: int, late: int) -> list[float]:
    """Return when generators spike, ms, so that the network's steps of a layer get the currents."""
    return [H_MS * (FIRST + 2 * (step + late) - 2) for step in range(steps)]


def _give(nest: Any, nodes: Any, currents: Floats, cell: Cell, starts: list[float]) -> None:
    """Give each neuron its own current at each step, as weighted spikes."""
    generators = nest.Create("spike_generator", currents.shape[1])
    generators.set(
        [
            {"spike_times": starts, "spike_weights": column.tolist()}
            for column in np.ascontiguousarray(currents.T * cell.gain)
        ]
    )
    nest.Connect(generators, nodes, "one_to_one", {"weight": 1.0, "delay": H_MS * cell.delay})


def _connect(nest: Any, before: Numbers, after: Numbers, weight: Floats, delay: Numbers) -> None:
    """Connect single neurons by their ids; delays are in steps of NEST."""
    nest.Connect(
        before.astype(np.int64),
        after.astype(np.int64),
        "one_to_one",
        {"synapse_model": "static_synapse", "weight": weight, "delay": H_MS * delay},
    )


def _recorded(
    events: dict[str, Any], population: Population, first: int, late: int, steps: int
) -> Spikes:
    """Return recorded spikes as (step, neuron)."""
    at = np.rint(np.asarray(events["times"]) / H_MS).astype(np.int64) - FIRST - 2 * late
    if (at % 2).any():
        raise SpikesoundError(f"{population.name}: NEST has spikes between the network's steps")
    neuron = np.asarray(events["senders"], np.int64) - first
    inside = (at >= 0) & (at < 2 * steps)
    spikes = np.zeros((steps, population.size), bool)
    spikes[at[inside] // 2, neuron[inside]] = True
    return spikes
