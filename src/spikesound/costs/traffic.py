"""Bits moved to and from memories for a clip, by what they are, under a stated dataflow."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.costs.execution import Execution, work
from spikesound.costs.layer import LayerCounts
from spikesound.costs.memory import kept_sums, sums_up
from spikesound.costs.neuron_work import states
from spikesound.costs.widths import Widths
from spikesound.params import Dataflow


@dataclass(frozen=True)
class Traffic:
    """Bits read and written, a clip."""

    weights: float
    inputs: float
    states: float
    outputs: float


def traffic(
    layer: LayerCounts, widths: Widths, dataflow: Dataflow, execution: Execution
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
    written once and read S times; what is summed over passes is read and written at each. In
    full_reuse neither moves. Outputs are written once a step. The rules are the same for spiking
    and conventional networks.

    References
    ----------
    Sze et al. 2017, "Efficient processing of deep neural networks", section V (dataflows); Lemaire
    et al. 2022 (memory accesses of spiking layers; there without reuse).
    """
    done = work(layer, execution)
    operations = done.acs if layer.operation == "weighted_ac" else done.macs + done.acs
    handed = dataflow in ("input_stationary", "full_reuse")
    weights = done.fetches
    if dataflow in ("weight_stationary", "full_reuse"):
        weights = float(layer.weights * (1 if dataflow == "full_reuse" else layer.passes))
    inputs = float(layer.inputs * layer.passes) if handed else operations
    looked = done.scanned
    if done.skipping and dataflow == "output_stationary":
        looked = layer.dense
    elif handed:
        looked = 0.0  # each place is read in any case
    states_moved = 0.0
    if dataflow != "full_reuse":
        states_moved = 2.0 * layer.outputs * states(layer) * (layer.steps - 1)
        states_moved += kept_sums(layer) * (1 + layer.steps)
        states_moved += 2.0 * layer.outputs * (layer.passes - 1) if sums_up(layer) else 0.0
        if dataflow != "output_stationary" and layer.weights:
            states_moved += 2 * operations
    return Traffic(
        weights * widths.weight_bits(layer),
        inputs * widths.input_bits(layer) + looked,
        states_moved * widths.state,
        float(layer.outputs * layer.steps * widths.output_bits(layer)),
    )
