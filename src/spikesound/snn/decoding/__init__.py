"""Decoding: read-outs, from output neurons over time to class scores, and losses of training.

A read-out is a pure function from spikes or membrane potentials ``(time, batch, class)`` to scores
``(batch, class)``, of which the highest is the decision. A loss is the cross-entropy of a read-out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from spikesound.snn.decoding.activity import activity_penalty, recorded_spikes
from spikesound.snn.decoding.losses import (
    count_cross_entropy,
    cross_entropy,
    membrane_cross_entropy,
    temporal_cross_entropy,
)
from spikesound.snn.decoding.readouts import (
    Readout,
    first_spike,
    first_spike_step,
    membrane_maximum,
    membrane_sum,
    spike_count,
)
from spikesound.snn.decoding.softmax_sum import membrane_softmax

__all__ = [
    "LOSSES",
    "OF_MEMBRANE",
    "READOUTS",
    "Readout",
    "activity_penalty",
    "count_cross_entropy",
    "cross_entropy",
    "first_spike_step",
    "membrane_cross_entropy",
    "recorded_spikes",
    "temporal_cross_entropy",
]

READOUTS: dict[str, Readout] = {
    "spike_count": spike_count,
    "first_spike": first_spike,
    "membrane_maximum": membrane_maximum,
    "membrane_sum": membrane_sum,
    "membrane_softmax": membrane_softmax,
}

OF_MEMBRANE = frozenset({"membrane_maximum", "membrane_sum", "membrane_softmax"})
"""Read-outs of membrane potentials; the others are of spikes."""

LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "spike_count": count_cross_entropy,
    "first_spike": temporal_cross_entropy,
    "membrane_maximum": membrane_cross_entropy,
    "membrane_sum": lambda membrane, targets: membrane_cross_entropy(
        membrane, targets, readout=membrane_sum
    ),
    "membrane_softmax": lambda membrane, targets: membrane_cross_entropy(
        membrane, targets, readout=membrane_softmax
    ),
}
"""The loss that teaches each read-out, under the read-out's name."""
