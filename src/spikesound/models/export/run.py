"""Outputs of a model's function for the input of a check, from rest, and their comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from spikesound.models.export.exported import Exported, largest_difference, probe
from spikesound.models.export.step import Step, clip_of
from spikesound.models.loading import TrainedModel

FRAMES = 64


@dataclass(frozen=True)
class Outputs:
    """Outputs of a function: probabilities (frame or clip, class), and the states at the end."""

    probabilities: torch.Tensor
    states: list[torch.Tensor]


def outputs_of(model: TrainedModel, function: Callable[..., object]) -> Outputs:
    """Run a function of :func:`~spikesound.models.export.step.inputs_of`: a clip, or by frames."""
    with torch.no_grad():
        if not model.detects:
            found = function(model.inputs(clip_of(model)))
            first = found[0] if isinstance(found, tuple | list) else found
            assert isinstance(first, torch.Tensor)
            return Outputs(first, [])
        states, rows = Step(model.network).states, []
        for frame in torch.from_numpy(probe(FRAMES, model.spec.bins, model.spec.seed)):
            found = function(frame[None, None], *states)
            assert isinstance(found, tuple | list)
            rows.append(found[0][0])
            states = list(found[1:])
        return Outputs(torch.cat(rows), states)


def compared(out: Path, expected: Outputs, found: Outputs) -> Exported:
    """Compare probabilities and states."""
    pairs = [
        (expected.probabilities, found.probabilities),
        *zip(expected.states, found.states, strict=True),
    ]
    difference = max(largest_difference(one, other) for one, other in pairs)
    return Exported(out, difference, sum(one.numel() for one, _ in pairs))
