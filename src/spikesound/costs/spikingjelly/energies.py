"""SpikingJelly's estimates of energy beside ours, each worked out from our counts by its rules."""

from __future__ import annotations

import math
import warnings
from typing import Any

from torch import nn

from spikesound.costs.layer import LayerCounts
from spikesound.costs.spikingjelly.counts import (
    BYTES,
    Figure,
    parameter_bytes,
    products,
    spiking,
    sums,
)
from spikesound.costs.spikingjelly.watching import EXTRA, Watched, counters
from spikesound.costs.tables import Counts, price
from spikesound.models.export.exported import library
from spikesound.params import CostParams

SIMPLE = (
    "no inputs and outputs, and no arithmetic of neurons; a byte costs 24.96 pJ in a memory of any "
    "size, here by the size of the network's own; products with padding; the sums by which their "
    "counter of memory finds the fan-out of spikes are counted among the network's additions"
)
LEMAIRE = (
    "a memory a layer and kind; an access of 4 bytes at the price that Horowitz gives for 8; a "
    "spike reaches a whole kernel whatever the stride; queues of 1000 spikes; products with "
    "padding; a potential is held for each step of the batch"
)
SPIKESIM = (
    "an analogue crossbar of resistive memory in 65 nm, which is paid for each place of the output "
    "and step whether anything spikes or not; convolutions only; here digital, 45 nm"
)


def energies(seen: Watched, params: CostParams) -> list[Figure]:
    """Return the energies of a batch in nJ: Simple, Lemaire et al. 2022, SpikeSim.

    Ours are those without reuse of the profile whose operations have the same prices: floats
    (Simple), integers of 32 bits (Lemaire); for SpikeSim floats too, as nothing here is alike.
    """
    every = counters()
    spikesim = library("spikingjelly.activation_based.op_counter.spikesim", EXTRA)
    own = Counts(seen.layers, "events" if spiking(seen) else "dense")
    floats, integers = (
        price(own, params, profile, "no_reuse").total_nj * seen.clips
        for profile in ("fp32_45nm", "int32_45nm")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # modules that have no weights
        simple = every.estimate_simple_energy(seen.network, seen.inputs)
        config = every.LemaireEnergyConfig(strict=False)
        lemaire = every.estimate_lemaire_energy(seen.network, seen.inputs, config=config)
        crossbar = spikesim.estimate_spikesim_energy(seen.network, seen.inputs, strict=False)
    prices = simple.config.cost_config
    return [
        _figure("Simple", floats, simple.energy_total_pj, _simple(seen, prices), SIMPLE),
        _figure("Lemaire", integers, lemaire.total_pj, _lemaire(seen, config.cost_config), LEMAIRE),
        _figure(
            "SpikeSim", floats, crossbar.energy_total_pj, _spikesim(seen, crossbar.config), SPIKESIM
        ),
    ]


def _figure(name: str, ours_nj: float, theirs_pj: float, by_rule_pj: float, why: str) -> Figure:
    return Figure(f"{name}, nJ", "all", ours_nj, theirs_pj / 1000, by_rule_pj / 1000, why)


def _simple(seen: Watched, prices: Any) -> float:
    """Return the energy of operations, parameters and potentials in pJ, by the rules of Simple."""
    macs = sum(products(seen, each) for each in seen.layers if each.operation == "mac")
    acs = sum(each.effective_acs for each in seen.layers) * seen.clips
    acs += seen.layers[-2].outputs * seen.layers[-2].steps * seen.clips
    acs += sum(_places(seen, each) - 1 for each in seen.layers if each.operation == "ac")
    moved = sum(parameter_bytes(seen, each) for each in seen.layers)
    moved += BYTES * sum(2 * each.outputs * each.steps * seen.clips for each in spiking(seen))
    energy = macs * prices.e_mac_pj + acs * prices.e_ac_pj + moved * prices.e_memory_pj_per_byte
    return float(energy)


def _lemaire(seen: Watched, prices: Any) -> float:
    """Return the energy in pJ by the equations of Lemaire et al. 2022, as SpikingJelly has them."""
    total, snn = 0.0, bool(spiking(seen))
    for layer in seen.layers:
        module = seen.by_name[layer.layer]
        values = layer.operation == "mac"
        parts = _of_values(seen, layer, snn) if values else _of_spikes(seen, layer)
        macs, acs, accesses = parts
        acs += sums(seen, layer)  # biases
        parameters = BYTES * sum(each.numel() for each in module.parameters())
        fetched = (
            products(seen, layer) if values else layer.active_inputs * seen.clips * _kernel(module)
        )
        accesses = [*accesses, (BYTES * (fetched + sums(seen, layer)), parameters)]
        if layer in spiking(seen):
            neurons, out = layer.outputs * seen.clips, layer.active_outputs * seen.clips
            accesses += [(2 * BYTES * neurons * layer.steps, BYTES * neurons)]
            accesses += [(BYTES * out, BYTES * QUEUE)]
            acs += out
            macs += neurons * layer.steps if layer.neuron == "lif" else 0
        total += acs * prices.e_add_pj + macs * (prices.e_mul_pj + prices.e_add_pj)
        total += sum(moved * prices.memory_cost_pj(size) for moved, size in accesses)
    return total


QUEUE = 1000
"""Spikes that a queue before or behind a layer holds."""

Parts = tuple[float, float, list[tuple[float, float]]]
"""Products and additions, those of addresses too, and bytes moved with the size of their memory."""


def _of_spikes(seen: Watched, layer: LayerCounts) -> Parts:
    module = seen.by_name[layer.layer]
    spikes, potentials = layer.active_inputs * seen.clips, BYTES * sums(seen, layer)
    reached, summed, products_ = spikes * _kernel(module), spikes * _kernel(module), 0.0
    if isinstance(module, nn.Conv2d):
        sides = zip(module.kernel_size, module.stride, strict=True)
        summed = spikes * module.out_channels * math.prod(math.ceil(k / s) for k, s in sides)
        products_ = 2 * spikes
    accesses = [(BYTES * spikes, float(BYTES * QUEUE)), (2 * BYTES * reached, float(potentials))]
    return products_, summed + reached, accesses


def _of_values(seen: Watched, layer: LayerCounts, snn: bool) -> Parts:
    module = seen.by_name[layer.layer]
    done, places = float(products(seen, layer)), layer.inputs * layer.passes * seen.clips
    addresses, read = float(places + sums(seen, layer)), float(places)
    if isinstance(module, nn.Conv2d):
        addresses += module.out_channels * math.prod(module.kernel_size)
        read = done
    accesses = [(BYTES * read, float(BYTES * places))]
    if not snn:
        accesses += [(BYTES * sums(seen, layer), float(BYTES * sums(seen, layer)))]
    return done, addresses, accesses


def _places(seen: Watched, layer: LayerCounts) -> int:
    """Return the places of a convolution's output, of one channel, over all passes and clips."""
    return sums(seen, layer) // seen.by_name[layer.layer].weight.shape[0]


def _kernel(module: nn.Conv2d | nn.Linear) -> int:
    """Return the weights that a place of the input has, at stride one and off the border."""
    return module.weight[:, 0].numel()


def _spikesim(seen: Watched, prices: Any) -> float:
    """Return the energy of convolutions on crossbars in pJ."""
    total = 0.0
    for layer in seen.layers:
        module = seen.by_name[layer.layer]
        if isinstance(module, nn.Conv2d):
            crossbars = math.prod(
                -(-channels // prices.xbar_size)
                for channels in (module.in_channels, module.out_channels)
            )
            cycle_pj = prices.pe_cycle_energy_for_kernel_pj(tuple(module.kernel_size))
            total += _places(seen, layer) * crossbars * cycle_pj
    return float(total)
