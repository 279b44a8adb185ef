"""From counts to energy: operations, neurons and memory traffic, each in nJ a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from spikesound.costs.execution import Execution, work
from spikesound.costs.layer import LayerCounts
from spikesound.costs.memory import ACCESS_BITS, access_pj, memory
from spikesound.costs.neuron_work import neuron_work
from spikesound.costs.traffic import traffic
from spikesound.costs.widths import Widths, mac_pj
from spikesound.params import Dataflow, MemoryParams, ProfileParams


@dataclass(frozen=True)
class Energy:
    """Energy of a clip in nJ, by component.

    Attributes
    ----------
    operations_nj : multiply-accumulates and accumulates of synapses: what most papers give
    neurons_nj : updates of neurons
    weights_nj, inputs_nj, states_nj, outputs_nj : moving these between memory and processor
    """

    operations_nj: float
    neurons_nj: float
    weights_nj: float
    inputs_nj: float
    states_nj: float
    outputs_nj: float

    @property
    def total_nj(self) -> float:
        """All of it."""
        return float(sum(getattr(self, field.name) for field in fields(self)))


def operations_nj(macs: float, acs: float, mac: float, ac: float) -> float:
    """Return the energy of numbers of multiply-accumulates and accumulates, at their pJ, in nJ.

    .. math:: E = N_{MAC} E_{MAC} + N_{AC} E_{AC}

    References
    ----------
    Deng et al. 2020, "Rethinking the performance comparison between SNNs and ANNs", equation 3
    (compute), with energies in place of its relative costs.
    """
    return (macs * mac + acs * ac) / 1000


def energy(
    layers: Sequence[LayerCounts],
    widths: Widths,
    profile: ProfileParams,
    memories: MemoryParams,
    dataflow: Dataflow,
    execution: Execution,
) -> Energy:
    """Return the energy of a network's inference on one clip.

    Each kind of value has a memory of its own, as large as the network needs
    (:func:`spikesound.costs.memory.memory`); an access moves 64 bits, at the energy of a memory of
    that size. Sums lie with the states; where there are no states, in a memory as large as the
    activations.
    """
    held = memory(layers, widths)
    ac = profile.ac_pj
    per_bit = {
        "weights": access_pj(held.weights, memories) / ACCESS_BITS,
        "activations": access_pj(held.activations, memories) / ACCESS_BITS,
        "states": access_pj(held.states or held.activations, memories) / ACCESS_BITS,
    }
    spent = [0.0] * 6
    for layer in layers:
        done = work(layer, execution)
        moved = traffic(layer, widths, dataflow, execution)
        mac = mac_pj(profile, widths.weight_bits(layer), widths.input_bits(layer))
        if layer.operation != "mac" or not layer.weights:  # of sums, by values
            mac = profile.mac_pj
        parts = (
            operations_nj(done.macs, done.acs, mac, ac),
            operations_nj(*neuron_work(layer), profile.mac_pj, ac),
            moved.weights * per_bit["weights"] / 1000,
            moved.inputs * per_bit["activations"] / 1000,
            moved.states * per_bit["states"] / 1000,
            moved.outputs * per_bit["activations"] / 1000,
        )
        spent = [had + part for had, part in zip(spent, parts, strict=True)]
    return Energy(*spent)
