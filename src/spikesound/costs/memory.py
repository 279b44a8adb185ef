"""Memory of a network in bits, and the energy of an access to a memory of that size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikesound.costs.execution import batched
from spikesound.costs.layer import LayerCounts
from spikesound.costs.neuron_work import states
from spikesound.costs.widths import Widths
from spikesound.params import AccountParams, MemoryParams

ACCESS_BITS = 64
"""Of the accesses that the figures of memories are given for."""


@dataclass(frozen=True)
class Memory:
    """Bytes held while a clip is classified.

    Attributes
    ----------
    weights : of all layers
    states : potentials, recurrent states and sums kept for a steady input, of all layers at once:
        they outlive a step
    activations : inputs and outputs of the layer in which they are most, at one pass
    """

    weights: float
    states: float
    activations: float

    @property
    def total(self) -> float:
        """Their sum."""
        return self.weights + self.states + self.activations


def memory(layers: Sequence[LayerCounts], widths: Widths, account: AccountParams) -> Memory:
    """Return the memory of a network.

    .. math:: M_{ANN} = M_w + \\max_l (M_{x,l} + M_{y,l}), \\qquad
              M_{SNN} = M_w + M_U + \\max_l (M_{s,l} + M_{s',l})

    with weights w, activations x and y of a layer's input and output, potentials U, and spikes s,
    one bit each. U has the sums of a steady input too (direct coding), which are kept for all
    steps, and what is summed over steps. Activations and spikes are held only while their layer is
    at work: the largest counts (the dynamic peak). Potentials are held for all layers, if there is
    more than one step. Where weights are fetched once a clip, layers run one after another: each
    has the inputs and outputs of all steps at hand, and no more than its own sums, one a step.

    References
    ----------
    Deng et al. 2020, "Rethinking the performance comparison between SNNs and ANNs", equation 2.
    """
    weights = sum(layer.weights * widths.weight_bits(layer) for layer in layers)
    values = sum(held(layer) for layer in layers if not batched(layer, account))
    values += max((sums(layer) for layer in layers if batched(layer, account)), default=0)
    peak = max(
        layer.inputs * widths.input_bits(layer) * (layer.passes if at_once else 1)
        + layer.outputs * widths.output_bits(layer) * (layer.steps if at_once else 1)
        for layer, at_once in zip(layers, (batched(each, account) for each in layers), strict=True)
    )
    return Memory(weights / 8, values * widths.state / 8, peak / 8)


def held(layer: LayerCounts) -> int:
    """Return how many values a layer holds from one step to the next."""
    potentials = layer.outputs * states(layer) if layer.steps > 1 else 0
    return potentials + kept_sums(layer) + (layer.outputs if sums_up(layer) else 0)


def sums(layer: LayerCounts) -> int:
    """Return how many sums a layer has that computes all steps at once."""
    return layer.outputs * (1 if sums_up(layer) else layer.passes)


def kept_sums(layer: LayerCounts) -> int:
    """Return how many sums of a steady input a layer keeps for all of its steps."""
    return layer.outputs if layer.kind == "convolution" and layer.passes < layer.steps else 0


def sums_up(layer: LayerCounts) -> bool:
    """Return whether a layer accumulates a sum over its passes."""
    return layer.kind == "pooling" and layer.passes > layer.steps


def access_pj(size_bytes: float, params: MemoryParams) -> float:
    """Return the energy of an access of 64 bits to a memory of this size.

    Between the sizes of the table it is interpolated, linear in the logarithms of both; below the
    smallest it is that of the smallest. What does not fit on the chip lies in DRAM.

    References
    ----------
    Horowitz 2014; Lemaire et al. 2022, "An analytical estimation of spiking neural networks energy
    efficiency", section 3 (interpolation by size).
    """
    size_kib = size_bytes / 1024
    if size_kib > params.on_chip_kib:
        return params.dram_pj
    sizes = sorted(params.sram_pj)
    known = [params.sram_pj[size] for size in sizes]
    return float(np.exp(np.interp(np.log(max(size_kib, 1e-9)), np.log(sizes), np.log(known))))
