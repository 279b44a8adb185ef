"""From counts to energy: operations, neurons and memory traffic, each in nJ a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from spikesound.costs.execution import Execution, work
from spikesound.costs.layer import LayerCounts
from spikesound.costs.memory import ACCESS_BITS, access_pj, memory
from spikesound.costs.neuron_work import neuron_work
from spikesound.costs.traffic import biases, traffic
from spikesound.costs.widths import Widths, mac_pj
from spikesound.params import AccountParams, Dataflow, MemoryParams, ProfileParams


@dataclass(frozen=True)
class Energy:
    """Energy of a clip in nJ, by component.

    Attributes
    ----------
    operations_nj : multiply-accumulates and accumulates of synapses: what most papers give
    neurons_nj : updates of neurons
    weights_nj, inputs_nj, states_nj, outputs_nj : moving these between memory and processor
    features_nj : the front end; 0 where the account leaves it out
    static_nj : leakage of the memory; likewise
    """

    operations_nj: float
    neurons_nj: float
    weights_nj: float
    inputs_nj: float
    states_nj: float
    outputs_nj: float
    features_nj: float = 0.0
    static_nj: float = 0.0

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
    account: AccountParams,
) -> Energy:
    """Return the energy of a network's inference on one clip.

    Each kind of value has a memory of its own, as large as the network needs
    (:func:`spikesound.costs.memory.memory`); an access moves 64 bits, at the energy of a memory of
    that size. Sums lie with the states; where there are no states, in a memory as large as the
    activations. Front end and leakage are not of the network alone: see
    :func:`spikesound.costs.tables.price`.
    """
    held = memory(layers, widths, account)
    profile = with_sums(profile) if account.wide_sums else profile
    ac = profile.ac_pj
    per_bit = {
        "weights": access_pj(held.weights, memories) / ACCESS_BITS,
        "activations": access_pj(held.activations, memories) / ACCESS_BITS,
        "states": access_pj(held.states or held.activations, memories) / ACCESS_BITS,
    }
    spent = [0.0] * 6
    for layer in layers:
        done = work(layer, execution)
        moved = traffic(layer, widths, dataflow, execution, account)
        mac = mac_pj(profile, widths.weight_bits(layer), widths.input_bits(layer))
        if layer.operation != "mac" or not layer.weights:  # of sums, by values
            mac = profile.mac_pj
        added = biases(layer) * layer.passes if account.biases else 0
        addressed = done.fetches if done.skipping and account.zeros == "addresses" else 0.0
        parts = (
            operations_nj(done.macs, done.acs + added, mac, ac),
            operations_nj(*neuron_work(layer), profile.mac_pj, ac),
            moved.weights * per_bit["weights"] / 1000,
            (moved.inputs * per_bit["activations"] + addressed * memories.address_pj) / 1000,
            moved.states * per_bit["states"] / 1000,
            moved.outputs * per_bit["activations"] / 1000,
        )
        spent = [had + part for had, part in zip(spent, parts, strict=True)]
    return Energy(*spent)


def with_sums(profile: ProfileParams) -> ProfileParams:
    """Return a profile whose additions have the width of sums."""
    wider = profile.sum_ac_pj - profile.ac_pj
    return profile.model_copy(update={"mac_pj": profile.mac_pj + wider, "ac_pj": profile.sum_ac_pj})
