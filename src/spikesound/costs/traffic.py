"""Bits moved to and from memories for a clip, by what they are, under a stated dataflow."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.costs.execution import Execution, Work, batched, work
from spikesound.costs.layer import LayerCounts
from spikesound.costs.memory import kept_sums, sums_up
from spikesound.costs.neuron_work import spikes, states
from spikesound.costs.widths import Widths
from spikesound.params import AccountParams, Dataflow


@dataclass(frozen=True)
class Traffic:
    """Bits read and written, a clip."""

    weights: float
    inputs: float
    states: float
    outputs: float


def traffic(
    layer: LayerCounts,
    widths: Widths,
    dataflow: Dataflow,
    execution: Execution,
    account: AccountParams,
) -> Traffic:
    """Return the memory traffic of a layer.

    With O operations carried out in P passes over W weights, I places of the input and N neurons
    that keep K values each over S steps:

    ================= ========== ========= =======================
    dataflow          weights    inputs    sums (read and written)
    ================= ========== ========= =======================
    no_reuse          O          O         2 O
    weight_stationary W P        O         2 O
    input_stationary  O          I P       2 O
    output_stationary O          O         0
    full_reuse        W          I P       0
    ================= ========== ========= =======================

    Each value has its width: a spike one bit. Who leaves zeros out looks at places of the input
    besides, a bit each: at I P; where each output gathers its own (output_stationary), at the
    inputs of all synapses, silent ones included; where each place is read in any case, at none.

    Neurons' values go to memory after each step but the last and come back at each but the first,
    2 N K (S - 1). Where the sums of a steady input are kept for all steps (direct coding), they are
    written in each pass, of a clip once, and read S times; what is summed over passes is read and
    written at each. In full_reuse neither moves. Outputs are written once a step. The rules are the
    same for spiking and conventional networks.

    An account changes this so:

    - ``fetch: clip``: of O weights those of places that spike in at least one step, W P becomes W,
      and no value of a neuron moves between steps: its steps are computed one after another;
    - ``zeros: addresses``: no place is looked at; a spike is its address, a nonzero value has one;
    - ``word_bits``: an access out of order (:func:`_apart`) moves whole words;
    - ``biases``: one is read for each sum and pass, in the width of sums, unless W has them.

    References
    ----------
    Sze et al. 2017, "Efficient processing of deep neural networks", section V (dataflows); Lemaire
    et al. 2022 (memory accesses of spiking layers; there without reuse).
    """
    done = work(layer, execution)
    return Traffic(
        _weights(layer, widths, dataflow, done, account),
        _inputs(layer, widths, dataflow, done, account),
        _states(layer, widths, dataflow, done, account),
        _outputs(layer, widths, execution, account),
    )


def biases(layer: LayerCounts) -> int:
    """Return how many biases a layer adds in a pass: one for each sum."""
    if not layer.weights or layer.kind == "pooling":
        return 0
    return layer.outputs * _SUMS.get(layer.neuron, 1)


_SUMS = {"lstm": 4, "gru": 4}  # a gate each; of a GRU's candidate state both biases are kept


def address_bits(places: int) -> int:
    """Return the bits of the address of one of so many places."""
    return max(1, (places - 1).bit_length())


def _weights(
    layer: LayerCounts, widths: Widths, dataflow: Dataflow, done: Work, account: AccountParams
) -> float:
    once, bits = batched(layer, account), widths.weight_bits(layer)
    if dataflow in ("weight_stationary", "full_reuse"):
        passes = 1 if once or dataflow == "full_reuse" else layer.passes
        return float(layer.weights * passes * bits)
    fetches = done.fetches
    if once and fetches and dataflow != "no_reuse":
        fetches = layer.distinct if done.skipping else layer.dense / layer.passes
    if _apart(dataflow, done, "output_stationary"):
        bits = _whole(bits, account)
    added = biases(layer) * (1 if once else layer.passes) if account.biases else 0
    return fetches * bits + added * widths.state


def _inputs(
    layer: LayerCounts, widths: Widths, dataflow: Dataflow, done: Work, account: AccountParams
) -> float:
    handed = dataflow in ("input_stationary", "full_reuse")
    bits, operations = widths.input_bits(layer), _operations(layer, done)
    if done.skipping and account.zeros == "addresses":
        bits = address_bits(layer.inputs) + (0 if layer.source == "spikes" else bits)
        if dataflow == "no_reuse":
            bits = _whole(bits, account)
        return (layer.active_inputs if handed else operations) * bits
    looked = done.scanned
    if done.skipping and dataflow == "output_stationary":
        looked = layer.dense
    elif handed:
        looked = 0.0  # each place is read in any case
    if layer.source == "spikes" and done.skipping:
        gathered = dataflow == "no_reuse"  # else the bit is among those looked at
    else:
        gathered = _apart(dataflow, done, "output_stationary", "weight_stationary")
    if gathered:
        bits = _whole(bits, account)
    return float(layer.inputs * layer.passes if handed else operations) * bits + looked


def _states(
    layer: LayerCounts, widths: Widths, dataflow: Dataflow, done: Work, account: AccountParams
) -> float:
    if dataflow == "full_reuse":
        return 0.0
    moved = 0.0
    if not batched(layer, account):
        moved = 2.0 * layer.outputs * states(layer) * (layer.steps - 1)
        moved += kept_sums(layer) * (layer.passes + layer.steps)
        moved += 2.0 * layer.outputs * (layer.passes - 1) if sums_up(layer) else 0.0
    added = 0.0
    if dataflow != "output_stationary" and layer.weights:
        added = 2 * _operations(layer, done)
    apart = _apart(dataflow, done, "weight_stationary")
    return moved * widths.state + added * (_whole(widths.state, account) if apart else widths.state)


def _outputs(
    layer: LayerCounts, widths: Widths, execution: Execution, account: AccountParams
) -> float:
    bits = widths.output_bits(layer)
    skipped = spikes(layer) or (execution == "zero_skipping" and layer.neuron != "none")
    if account.zeros == "addresses" and skipped:
        value = 0 if spikes(layer) else bits
        return layer.active_outputs * (address_bits(layer.outputs) + value)
    return float(layer.outputs * layer.steps * bits)


def _operations(layer: LayerCounts, done: Work) -> float:
    return done.acs if layer.operation == "weighted_ac" else done.macs + done.acs


def _apart(dataflow: Dataflow, done: Work, *gathering: Dataflow) -> bool:
    """Return whether each access is to a place of its own, so that no two share a word.

    Without reuse they always are; else where zeros are left out and the dataflow gathers. Handed
    to all of its synapses, a place of the input has their weights and sums in a row.
    """
    return dataflow == "no_reuse" or (done.skipping and dataflow in gathering)


def _whole(bits: int, account: AccountParams) -> int:
    return -(-bits // account.word_bits) * account.word_bits
