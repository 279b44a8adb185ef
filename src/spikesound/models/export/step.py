"""A model as one function of tensors, as exchange formats want it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from spikesound.models.export.exported import probe
from spikesound.models.loading import TrainedModel, probabilities_of

Inputs = tuple[nn.Module, tuple[torch.Tensor, ...], list[str], list[str]]
"""A function, an example of its inputs, and the names of inputs and outputs."""


class Step(nn.Module):
    """One frame of a detector: (frame, states) to (probabilities, states).

    The frame is (1, 1, bin) in [0, 1], the probabilities (1, 1, class), before the median filter.
    The states of the first frame are zeros of the shapes that :attr:`states` has.

    Parameters
    ----------
    network : with ``rest(batch)`` and ``advance(frames, state)``
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.rest = network.rest(1)

    @property
    def states(self) -> list[torch.Tensor]:
        """The states before the first frame, in their order."""
        # Copies: one tensor in two places would be taken for one input.
        return [state.clone() for state in flat(self.rest)]

    def forward(self, frame: torch.Tensor, *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the probabilities of the next frame, and the states after it."""
        logits, after = self.network.advance(frame, like(self.rest, iter(states)))
        return torch.sigmoid(logits), *flat(after)


class Whole(nn.Module):
    """A clip of a classifier: (step, 1, frame, bin) to probabilities (1, class)."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.network = model.network
        self.labels: str = model.spec.labels

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the softmax or sigmoid of the scores."""
        return probabilities_of(self.network(features), self.labels)


def inputs_of(model: TrainedModel) -> Inputs:
    """Return the function, an example of its inputs, and the names of inputs and outputs."""
    if model.detects:
        step = Step(model.network).eval()
        names = [f"state_{number}" for number in range(len(step.states))]
        frame = torch.from_numpy(probe(1, model.spec.bins, model.spec.seed))[:, None]
        after = [f"{name}_after" for name in names]
        return step, (frame, *step.states), ["frame", *names], ["probabilities", *after]
    whole = Whole(model).eval()
    return whole, (model.inputs(clip_of(model)),), ["features"], ["probabilities"]


def clip_of(model: TrainedModel) -> Any:
    """Return features to compare with, of as many frames as the model's clips have."""
    features = model.front_end.features
    length = round((model.clip_s or 1.0) * features.rate_hz)
    return probe(1 + length // features.hop, len(model.front_end.low), model.spec.seed)


def flat(state: Any) -> list[torch.Tensor]:
    """Return the tensors of a nested state, in order."""
    if isinstance(state, torch.Tensor):
        return [state]
    return [tensor for part in state for tensor in flat(part)]


def like(state: Any, tensors: Iterator[torch.Tensor]) -> Any:
    """Return the tensors, nested as a state is."""
    if isinstance(state, torch.Tensor):
        return next(tensors)
    parts = [like(part, tensors) for part in state]
    return parts if isinstance(state, list) else tuple(parts)
