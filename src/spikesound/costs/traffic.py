"""Bits moved to and from memories for a clip, by what they are, under a stated dataflow."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.costs.execution import Execution, work
from spikesound.costs.layer import LayerCounts
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
    """Return what a layer moves.

    With O operations carried out in P passes over W weights, I places of the input and N neurons
    that keep K values each over S steps:

    ================= ========== ========= =========================
    dataflow          weights    inputs    sums (reads and writes)
    ================= ========== ========= =========================
    no_reuse          O          O         2 O
    weight_stationary W P        O         2 O
    output_stationary O          O         0
    full_reuse        W          I P       0
    ================= ========== ========= =========================

    Each value has its width: a spike one bit. Who leaves zeros out looks at each place of the input
    besides, I P bits. Neurons' values go to memory after each step but the last and come back at
    each but the first, 2 N K (S - 1), in all dataflows. Where the sums of a steady input are kept
    for all steps (direct coding), they are written once and read S times. Outputs are written once
    a step, or once if no neuron follows. The rules are the same for spiking and conventional
    networks.

    References
    ----------
    Sze et al. 2017, "Efficient processing of deep neural networks", section V (dataflows); Lemaire
    et al. 2022 (memory accesses of spiking layers; there without reuse).
    """
    done = work(layer, execution)
    operations = done.macs + done.acs if layer.operation != "weighted_ac" else done.acs
    input_bits = widths.input_bits(layer)
    weights = done.fetches
    inputs = operations
    sums = 2 * operations
    if dataflow in ("weight_stationary", "full_reuse"):
        weights = float(layer.weights * (1 if dataflow == "full_reuse" else layer.passes))
    if dataflow == "full_reuse":
        inputs = float(layer.inputs * layer.passes)
    if dataflow in ("output_stationary", "full_reuse"):
        sums = 0.0
    kept = 2.0 * layer.outputs * states(layer) * (layer.steps - 1)
    if layer.passes < layer.steps and layer.kind == "convolution":
        kept += layer.outputs * (1 + layer.steps)
    return Traffic(
        weights * widths.weight,
        inputs * input_bits + done.scanned,
        (sums + kept) * widths.state,
        float(layer.outputs * layer.steps * widths.output_bits(layer)),
    )
