"""A spiking network on SANA-FE's models of published chips: spikes, energy and time.

A message of a spike reaches its targets in the chip's next time step, so that layer l, counted from
0, is l steps late, and so are its constant currents. The first layer's currents are written into
its neurons as biases, step by step; writing them costs nothing in the model. A layer whose last
step is over gets currents under which it stays silent while the layers behind it end.

- Loihi's neuron (``leaky_integrate_fire``) computes
  :math:`V_t = \\mathrm{q}(\\beta V_{t-1}) + b + I_t` and spikes above the threshold. Its resets are
  ``hard`` (here ``zero``) and ``none``; ``soft`` takes the threshold off before the leak, which is
  ``subtract`` for :math:`\\beta = 1` alone. Else a synapse from each neuron to itself takes it off
  at the next step, which costs an event a spike. q cuts off all below 1/64; weights, biases and
  thresholds are multiplied by a power of two, so that it does not change spikes.
- TrueNorth's neuron leaks a constant, not a share: only networks of integrate-and-fire neurons can
  be expressed. The package's model of it has no energies and no times, so that only spikes and
  events come of it.
- A delay lies in the dendrite, for which the buffer between two steps must be inside it: Loihi's
  description is loaded with that changed, and all energies and times as they are. It is of 5 steps
  at most, where the chip has 62; longer ones go through relays, neurons that pass a spike on.

Layers are put on cores one after the other, each layer on cores of its own. What the chip's limits
on weights, fan-in and fan-out would need beyond that is not modelled.

References
----------
Boyle et al. 2025, "SANA-FE: Simulating Advanced Neuromorphic Architectures for Fast Exploration";
Davies et al. 2018, "Loihi: A neuromorphic manycore processor with on-chip learning" (energies and
times of Loihi's events).
"""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from spikesound.core.errors import SpikesoundError, choose
from spikesound.inference.simulators.populations import (
    Graph,
    Population,
    Projection,
    Spikes,
)
from spikesound.inference.simulators.reference import Reference
from spikesound.models.export.exported import library

PARTS = 64
"""Whole numbers for a potential of 1, scaled, in which the chip's model holds it: 32 bits."""

LARGEST = 2.0**20
"""Of a potential, scaled."""

ENERGIES = ("synapse", "dendrite", "soma", "network", "total")
COUNTS = ("spikes", "packets_sent", "neurons_updated", "neurons_fired")


@dataclass(frozen=True)
class Chip:
    """A chip of SANA-FE.

    Attributes
    ----------
    load : name of the function that loads it
    neurons : of a core at most
    soma, dendrite : names of the units
    synapses : of convolutions, and of others
    delays : the dendrite that delays, the longest delay, and the package's file of the chip; None:
        there are no delays
    """

    load: str
    neurons: int
    soma: str
    dendrite: str
    synapses: tuple[str, str]
    delays: tuple[str, int, str] | None


CHIPS: dict[str, Chip] = {
    "loihi": Chip(
        "load_loihi",
        1024,
        "loihi_lif",
        "loihi_dendrites",
        ("loihi_conv_synapse", "loihi_dense_synapse"),
        ("loihi_dendrites_delay", 5, "loihi.yaml"),
    ),
    "truenorth": Chip(
        "load_truenorth",
        256,
        "core_soma",
        "core_dendrites",
        ("core_synapses", "core_synapses"),
        None,
    ),
}
"""The chips whose models the package has."""


@dataclass
class ChipRun:
    """A run of one input on a chip.

    Attributes
    ----------
    spikes : of each population (step, neuron)
    energy_j : by unit: ``synapse``, ``dendrite``, ``soma``, ``network``, and ``total``
    seconds : of the chip, for all steps
    counts : ``spikes`` (synaptic events), ``packets_sent``, ``neurons_updated``, ``neurons_fired``
    steps, cores : simulated steps, and cores in use
    unit : of potentials, which the chip rounds to whole numbers
    """

    spikes: dict[str, Spikes]
    energy_j: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ENERGIES, 0.0))
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    steps: int = 0
    cores: int = 0
    unit: float = 0.0

    def add(self, result: dict[str, Any]) -> None:
        """Add what a step cost."""
        for name in ENERGIES:
            self.energy_j[name] += float(result["energy"][name])
        for name in COUNTS:
            self.counts[name] += int(result[name])
        self.seconds += float(result["sim_time"])
        self.steps += 1


def run_sana_fe(graph: Graph, given: Reference, chip: str = "loihi") -> ChipRun:
    """Run a network on a chip, from rest.

    Parameters
    ----------
    given : its currents are the input
    chip : of :data:`CHIPS`

    Raises
    ------
    SpikesoundError
        If SANA-FE is not installed, or the chip has no such neuron, delays or that many cores.
    """
    units = choose(CHIPS, chip, "chip")
    sanafe = library("sanafe", "opinions")
    delayed = any(each.delay.any() for each in graph.projections)
    if delayed and units.delays is None:
        raise SpikesoundError(f"{chip}: the network has delays, which this chip's model lacks")
    with quiet():
        if delayed and units.delays is not None:
            dendrite, longest, file = units.delays
            graph, units = relayed(graph, longest), replace(units, dendrite=dendrite)
            arch = _delaying(sanafe, file)
        else:
            arch = getattr(sanafe, units.load)()
        scale = _scale(graph, given)
        network = sanafe.Network()
        groups = {
            each.name: _group(network, each, units, chip, scale) for each in graph.populations
        }
        _connect(graph, groups, scale)
        cores = _map(graph, groups, arch, units, chip)
        device = sanafe.SpikingChip(arch)
        device.load(network)
        run = _simulate(device, graph, given, scale)
    run.cores, run.unit = cores, 1 / (PARTS * scale)
    return run


def relayed(graph: Graph, longest: int) -> Graph:
    """Return a graph without longer delays: relays pass spikes on, ``longest`` + 1 steps later.

    A relay is a population of as many neurons as its source, named after it. It comes last, so that
    the network's own layers keep their order.
    """
    hop, relays, projections = longest + 1, [], []
    sizes = {each.name: each.size for each in graph.populations}
    for each in graph.projections:
        hops = np.maximum(0, -(-(each.delay - longest) // hop))
        sources = [each.source]
        size = sizes[each.source]
        every = np.arange(size)
        for number in range(1, int(hops.max(initial=0)) + 1):
            name = f"{each.target}_relay_{number}"
            relays.append(Population(name, size, 0.0, 0.5, "none", np.zeros(size), False))
            full = np.full(size, longest)
            projections.append(Projection(sources[-1], name, every, every, np.ones(size), full))
            sources.append(name)
        for number, source in enumerate(sources):
            mine = hops == number
            projections.append(
                Projection(
                    source,
                    each.target,
                    each.before[mine],
                    each.after[mine],
                    each.weight[mine],
                    each.delay[mine] - number * hop,
                )
            )
    return Graph([*graph.populations, *relays], projections)


def _delaying(sanafe: Any, file: str) -> Any:
    """Load a chip's description with the buffer between steps inside the dendrite."""
    text = files("sanafe.examples").joinpath(file).read_text(encoding="utf-8")
    for old, new in (
        ("buffer_position: soma", "buffer_position: dendrite"),
        ("buffer_inside_unit: false", "buffer_inside_unit: true"),
    ):
        if text.count(old) != 1:
            raise SpikesoundError(f"sanafe's {file}: expected {old!r} once; another version?")
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_text(text, encoding="utf-8")
        return sanafe.load_arch(path)


def _scale(graph: Graph, given: Reference) -> float:
    """Return the power of two that potentials are multiplied by."""
    largest = max(1.0, float(np.abs(given.currents).max()))
    for each in graph.populations:
        reach = np.abs(each.bias)
        for into in graph.projections:
            if into.target == each.name:
                reach = reach + np.bincount(into.after, np.abs(into.weight), each.size)
        largest = max(largest, each.threshold, float(reach.max(initial=0.0)))
    slowest = max(each.beta for each in graph.populations)
    largest *= min(1 / max(1 - slowest, 1e-9), given.steps)  # leaks sum up to that
    return 2.0 ** math.floor(math.log2(LARGEST / largest))


def _group(network: Any, population: Population, units: Chip, chip: str, scale: float) -> Any:
    attributes: dict[str, Any] = {"threshold": population.threshold * scale}
    if chip == "truenorth":
        if population.beta != 1 or population.reset != "subtract":
            raise SpikesoundError(
                f"{population.name}: TrueNorth's leak is a constant; expected integrate-and-fire "
                f"neurons reset by subtraction, got decay {population.beta:g}, "
                f"reset {population.reset!r}"
            )
        attributes["reset_mode"] = "soft"
    else:
        attributes |= {"leak_decay": population.beta, "reset": 0.0}
        attributes["reset_mode"] = {"zero": "hard", "none": "none"}.get(
            population.reset, "soft" if population.beta == 1 else "none"
        )
    return network.create_neuron_group(
        population.name,
        population.size,
        model_attributes=attributes,
        default_synapse_hw_name=units.synapses[not population.convolution],
        default_dendrite_hw_name=units.dendrite,
        soma_hw_name=units.soma,
        log_spikes=True,
    )


def _takes_off(population: Population) -> bool:
    """Return whether a synapse of each neuron to itself resets it."""
    return population.reset == "subtract" and population.beta != 1


def _connect(graph: Graph, groups: dict[str, Any], scale: float) -> None:
    for each in graph.projections:
        before, after = (list(groups[name]) for name in (each.source, each.target))
        columns = (each.before, each.after, each.weight * scale, each.delay)
        lists = (column.tolist() for column in columns)
        for one, other, weight, delay in zip(*lists, strict=True):
            attributes = {"weight": weight, "delay": delay} if delay else {"weight": weight}
            before[one].connect_to_neuron(after[other], attributes)
    for population in graph.populations:
        if _takes_off(population):
            for neuron in groups[population.name]:
                neuron.connect_to_neuron(neuron, {"weight": -population.threshold * scale})


def _map(graph: Graph, groups: dict[str, Any], arch: Any, units: Chip, chip: str) -> int:
    """Put each layer on cores of its own; return how many are in use."""
    cores = [core for tile in arch.tiles for core in tile.cores]
    used = 0
    for population in graph.populations:
        needed = -(-population.size // units.neurons)
        if used + needed > len(cores):
            raise SpikesoundError(f"{chip}: {len(cores)} cores are too few for {population.name}")
        for number, neuron in enumerate(groups[population.name]):
            neuron.map_to_core(cores[used + number // units.neurons])
        used += needed
    return used


def _simulate(device: Any, graph: Graph, given: Reference, scale: float) -> ChipRun:
    own = [each for each in graph.populations if each.name in given.spikes]  # relays are not
    run = ChipRun({each.name: np.zeros((given.steps, each.size), bool) for each in own})
    late = {each.name: number for number, each in enumerate(own)}
    mapped = device.mapped_neuron_groups
    for step in range(given.steps + len(late) - 1):
        for population in own:
            number = step - late[population.name]
            bias = population.bias * scale
            if number == given.steps:
                bias = np.full(population.size, -LARGEST)
            elif number < given.steps and not late[population.name]:
                bias = given.currents[number] * scale
            elif number:
                continue
            for neuron, value in zip(mapped[population.name], bias.tolist(), strict=True):
                neuron.set_attributes(model_attributes={"bias": value})
        result = device.sim(1, spike_trace=True)
        run.add(result)
        for address in result["spike_trace"][0]:
            if address.group_name not in late:  # a relay
                continue
            number = step - late[address.group_name]
            if 0 <= number < given.steps:
                run.spikes[address.group_name][number, address.neuron_offset] = True
    return run


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the simulator prints, from Python and from C++, off the terminal."""
    saved = os.dup(1)
    with redirect_stdout(io.StringIO()), Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(saved, 1)
            os.close(saved)
