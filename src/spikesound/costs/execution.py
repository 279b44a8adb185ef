"""Which of a layer's operations are carried out: all, or those of inputs that are not zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikesound.costs.layer import LayerCounts

Execution = Literal["dense", "zero_skipping", "events"]


@dataclass(frozen=True)
class Work:
    """What a layer does for a clip.

    Attributes
    ----------
    macs, acs : multiply-accumulates, accumulates
    fetches : synapses gone through: each needs its weight
    scanned : places of the input looked at to find those that are not zero
    """

    macs: float
    acs: float
    fetches: float
    scanned: float


def work(layer: LayerCounts, execution: Execution) -> Work:
    """Return what is carried out.

    ``dense`` carries out every operation, zeros included. ``zero_skipping`` looks at each place of
    the input once a pass, and carries out the operations of those that are not zero. ``events`` is
    the same for a spiking network, where what is not zero is a spike.
    """
    if execution == "dense":
        fetches, scanned = layer.dense, 0.0
    else:
        fetches, scanned = layer.effective, float(layer.passes * layer.inputs)
    macs = fetches if layer.operation == "mac" else layer.effective_macs
    acs = 0.0 if layer.operation == "mac" else fetches
    if layer.weights == 0:  # additions alone: nothing to fetch
        fetches = 0.0
    return Work(macs, acs, fetches, scanned)
