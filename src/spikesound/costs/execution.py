"""Executed operations of a layer: all, or those of inputs that are not zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikesound.costs.layer import LayerCounts
from spikesound.params import AccountParams

Execution = Literal["dense", "zero_skipping", "events"]


@dataclass(frozen=True)
class Work:
    """Executed operations of a layer for a clip.

    Attributes
    ----------
    macs, acs : multiply-accumulates, accumulates
    fetches : synaptic operations (SynOps): each fetches a weight
    scanned : places of the input looked at once, to find those that are not zero
    skipping : whether zeros are left out
    """

    macs: float
    acs: float
    fetches: float
    scanned: float
    skipping: bool


def work(layer: LayerCounts, execution: Execution) -> Work:
    """Return the executed operations.

    ``dense`` carries out every operation, zeros included. ``zero_skipping`` looks at each place of
    the input once a pass, and carries out the operations of those that are not zero. ``events``
    leaves out what does not spike; layers that multiply values (the first one under direct coding,
    the read-out) are carried out as in a dense conventional network.
    """
    skipping = execution == "zero_skipping" or (execution == "events" and layer.operation != "mac")
    fetches = layer.effective if skipping else layer.dense
    scanned = float(layer.passes * layer.inputs) if skipping else 0.0
    macs = fetches if layer.operation == "mac" else layer.effective_macs
    acs = 0.0 if layer.operation == "mac" else fetches
    if layer.weights == 0:  # additions alone: nothing to fetch
        fetches = 0.0
    return Work(macs, acs, fetches, scanned, skipping)


def batched(layer: LayerCounts, account: AccountParams) -> bool:
    """Return whether a layer computes all time steps of a clip before the next layer starts.

    A recurrent layer cannot: each step needs its own outputs of the one before.

    References
    ----------
    Narayanan et al. 2020, "SpinalFlow: an architecture and dataflow tailored for spiking neural
    networks"; Lee, Zhang and Li 2022, "Parallel time batching".
    """
    steps = max(layer.passes, layer.steps)
    return account.fetch == "clip" and layer.kind != "recurrent" and steps > 1
