"""What is compared in the hour: detectors, how they are executed, and the gates before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikesound.costs.execution import Execution

Key = Literal[
    "conventional", "conventional int8", "spiking", "spiking int8", "gate int8", "woken int8"
]
"""A detector of the hour: the twins, each as trained and rounded, the gate and what it wakes."""


@dataclass(frozen=True)
class System:
    """A device: a detector, and what decides when it runs.

    Attributes
    ----------
    name : in the table
    detector : whose events count
    execution : of its operations
    energy_gate : whether a gate by level lets it, or the gate before it, run
    network_gate : whether a spiking network wakes it
    """

    name: str
    detector: Key
    execution: Execution
    energy_gate: bool = False
    network_gate: bool = False

    @property
    def keys(self) -> tuple[Key, ...]:
        """Detectors of the device, the one that runs most first."""
        return ("gate int8", self.detector) if self.network_gate else (self.detector,)


_PLAIN = (
    System("conventional, float32, dense", "conventional", "dense"),
    System("conventional, float32, zeros skipped", "conventional", "zero_skipping"),
    System("conventional, int8, zeros skipped", "conventional int8", "zero_skipping"),
    System("spiking, float32", "spiking", "events"),
    System("spiking, int8", "spiking int8", "events"),
    System("spiking gate wakes conventional, int8", "woken int8", "zero_skipping", False, True),
)

SYSTEMS = tuple(
    System(
        each.name + (", energy gate" if gated else ""),
        each.detector,
        each.execution,
        gated,
        each.network_gate,
    )
    for each in _PLAIN
    for gated in (False, True)
)
"""Every trick on both sides: zeros skipped, 8 bits, a gate by level before each."""

DENSE = SYSTEMS[0].name
"""The dense twin, which others are compared with."""

GATED = SYSTEMS[5].name
"""What one would build without spikes: 8 bits, zeros skipped, a gate by level."""
