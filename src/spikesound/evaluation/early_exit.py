"""Early exit: a spiking network stops at the time step at which it is confident enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.models.build import build
from spikesound.models.layers import InSteps
from spikesound.models.spec import Spec
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Confidence:
    """Decisions of a network after each time step, and how confident it is of them.

    Attributes
    ----------
    decided : class after each step (step, clip)
    confidence : probability of that class (step, clip)
    """

    decided: Ints
    confidence: npt.NDArray[np.float64]

    def exits(self, threshold: float) -> tuple[Ints, Ints]:
        """Return the step of each clip's exit, from 1, and the class that is decided there.

        It is the first step whose confidence is at least the threshold; else the last.
        """
        reached = self.confidence >= threshold
        steps = np.where(reached.any(0), reached.argmax(0), len(reached) - 1)
        return steps + 1, self.decided[steps, np.arange(len(steps))]


def confidences(network: nn.Module, clips: Dataset, batch_clips: int) -> Confidence:
    """Return what a classifier of single labels decides after each of its time steps.

    Raises
    ------
    SpikesoundError
        If it cannot be read after each step.
    """
    if not isinstance(network, InSteps):
        raise SpikesoundError(f"{type(network).__name__}: cannot be read after each time step")
    network.eval()
    decided, confidence = [], []
    with torch.inference_mode():
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            scores = network.scores_by_step(batched(clips.batch(rows), frames=False))
            best = torch.softmax(scores.double(), -1).max(-1)
            decided.append(best.indices.numpy())
            confidence.append(best.values.numpy())
    return Confidence(np.concatenate(decided, 1), np.concatenate(confidence, 1))


def count_exits(
    network: nn.Module,
    spec: Spec,
    clips: Dataset,
    steps: Ints,
    counted: Mapping[int, Counted],
    batch_clips: int,
) -> None:
    """Count what a network does for clips that it leaves after some of its steps.

    Parameters
    ----------
    steps : after which each clip is left
    counted : by number of steps, where the counts go
    """
    for number in np.unique(steps):
        short = shortened(network, spec, int(number))
        own = clips.select(np.flatnonzero(steps == number))
        with torch.inference_mode(), counting(short, spec, counted[int(number)]):
            for start in range(0, len(own), batch_clips):
                rows = np.arange(start, min(start + batch_clips, len(own)))
                x = batched(own.batch(rows), frames=False)
                short(x if len(x) == 1 else x[:number])


def shortened(network: nn.Module, spec: Spec, steps: int) -> nn.Module:
    """Return the network that stops after the first of its steps; its read-out divides by them."""
    weights = spec.step_weights
    short = build(
        spec.model_copy(
            update={"steps": steps, "step_weights": None if weights is None else weights[:steps]}
        )
    )
    short.load_state_dict(network.state_dict())
    return short.eval()


def read_each_step(layers: list[LayerCounts], steps: int) -> list[LayerCounts]:
    """Return counts with the read-out, and the pooling before it, after each of the steps."""
    return [
        replace(
            layer,
            passes=layer.passes * steps,
            dense=layer.dense * steps,
            effective=layer.effective * steps,
            active_inputs=layer.active_inputs * steps,
        )
        if layer.source == "pooled" and layer.passes == 1
        else layer
        for layer in layers
    ]
