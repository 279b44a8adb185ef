"""Counts of SpikingJelly beside ours: each difference follows from a rule of theirs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from spikesound.costs.execution import Execution
from spikesound.costs.layer import LayerCounts
from spikesound.costs.spikingjelly.watching import (
    Watched,
    by_module,
    counters,
    dispatched,
    of_layer,
)
from spikesound.costs.traffic import traffic
from spikesound.costs.widths import Widths
from spikesound.params import CostParams

BYTES = 4
"""Of all values: SpikingJelly counts what torch holds."""

FLOATS = Widths(32, 32, 32, 32)


@dataclass(frozen=True)
class Figure:
    """A figure of both, of a batch.

    Attributes
    ----------
    what, layer : what is counted, and where
    ours, theirs : as each counts it
    by_rule : what their rule makes of our counts
    why : how the rules differ; empty: they do not
    """

    what: str
    layer: str
    ours: float
    theirs: float
    by_rule: float
    why: str

    @property
    def explained(self) -> bool:
        """Whether their figure is what their rule makes of our counts."""
        return math.isclose(self.theirs, self.by_rule, rel_tol=1e-6, abs_tol=1e-9)


SAME = ""
PADDING = "they multiply the zeros of the padding too; here a synapse without an input is none"
STATES = (
    "they read a potential at the first step too, and write it at the last; here the first starts "
    "from zero, and none outlives the last"
)
TENSORS = (
    "each tensor once, all in 32 bits, biases among the weights; here the same at full_reuse, with "
    "a bit for a spike, and the sums of a steady input once for all steps"
)
ADDITIONS = "with the additions of the mean over time, bins and frames, which are not synapses"


def figures(seen: Watched, params: CostParams) -> list[Figure]:
    """Return counts of each layer with weights, and of the network.

    - ``SynOps``: additions of a weight, one a spike and synapse;
    - ``MAC``: products of values;
    - ``AC``: additions;
    - ``parameter bytes``: a weight a synaptic operation, a bias a sum (``no_reuse`` here);
    - ``state bytes``: potentials that are read and written;
    - ``tensor bytes``: each tensor of a layer once (``full_reuse`` here).
    """
    all_of = counters()
    synops, macs, acs = all_of.SynOpCounter(), all_of.MACCounter(), all_of.ACCounter()
    tensors, memory = all_of.MemoryAccessCounter(), all_of.NeuromorphicMemoryAccessCounter()
    dispatched(seen, [synops, macs, acs, tensors])
    by_module(seen, memory)
    rows = []
    for layer in seen.layers:
        counted = {
            "SynOps": of_layer(seen, synops, layer.layer),
            "MAC": of_layer(seen, macs, layer.layer),
            "parameter bytes": of_layer(seen, memory, layer.layer),
            "tensor bytes": of_layer(seen, tensors, layer.layer),
        }
        rows += list(_of_layer(seen, layer, counted, params))
    ours = sum(layer.effective_acs for layer in seen.layers) * seen.clips
    last = seen.layers[-2]  # its outputs are added up over time, bins and frames
    added = ours + last.outputs * last.steps * seen.clips
    rows.append(Figure("AC", "all", ours, float(acs.get_total()), added, ADDITIONS))
    kept = sum(2 * layer.outputs * (layer.steps - 1) for layer in spiking(seen)) * seen.clips
    each_step = sum(2 * layer.outputs * layer.steps for layer in spiking(seen)) * seen.clips
    theirs = memory.get_counts().get("Global", {})
    moved = sum(theirs.get(f"neuron_state_{way}_bytes", 0) for way in ("read", "write"))
    why = STATES if each_step else SAME
    rows.append(Figure("state bytes", "all", BYTES * kept, moved, BYTES * each_step, why))
    return rows


def spiking(seen: Watched) -> list[LayerCounts]:
    """Return the layers whose neurons SpikingJelly takes for its own."""
    return [layer for layer in seen.layers if layer.neuron in ("lif", "integrate_and_fire")]


def sums(seen: Watched, layer: LayerCounts) -> int:
    """Return how many sums a layer has, of all clips."""
    return layer.outputs * layer.passes * seen.clips


def fan_in(module: nn.Module) -> int:
    """Return the synapses of a neuron, those into the padding included."""
    assert isinstance(module, nn.Conv2d | nn.Linear)
    return module.weight[0].numel()


def products(seen: Watched, layer: LayerCounts) -> int:
    """Return their multiply-accumulates of a layer that reads values."""
    return sums(seen, layer) * fan_in(seen.by_name[layer.layer])


def parameter_bytes(seen: Watched, layer: LayerCounts) -> float:
    """Return their bytes of weights and biases that are read."""
    values = layer.operation == "mac"
    weights = products(seen, layer) if values else layer.effective * seen.clips
    return BYTES * (weights + sums(seen, layer))


def _of_layer(
    seen: Watched, layer: LayerCounts, counted: dict[str, float], params: CostParams
) -> Iterator[Figure]:
    values, clips = layer.operation == "mac", seen.clips
    account = params.account.model_copy(
        update={"biases": True, "fetch": "step", "zeros": "bitmap", "word_bits": 1}
    )
    executed: Execution = "dense" if values else "events"

    def row(what: str, ours: float, by_rule: float, why: str) -> Figure:
        return Figure(what, layer.layer, ours, counted[what], by_rule, why)

    events = 0.0 if values else layer.effective * clips
    yield row("SynOps", events, events, SAME)
    macs = layer.dense * clips if values else 0.0
    padded = float(products(seen, layer)) if values else 0.0
    yield row("MAC", macs, padded, SAME if padded == macs else PADDING)
    fetched = traffic(layer, FLOATS, "no_reuse", executed, account).weights * clips / 8
    expected = parameter_bytes(seen, layer)
    same = math.isclose(fetched, expected)
    yield row("parameter bytes", fetched, expected, SAME if same else PADDING)
    once = traffic(layer, FLOATS, "full_reuse", executed, account)
    moved = (once.weights + (once.inputs + once.states + once.outputs) * clips) / 8
    module = seen.by_name[layer.layer]
    parameters = sum(each.numel() for each in module.parameters())
    places = layer.inputs * layer.passes * clips
    whole = BYTES * (places + parameters + sums(seen, layer))
    yield row("tensor bytes", moved, float(whole), SAME if moved == whole else TENSORS)
