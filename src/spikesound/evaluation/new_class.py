"""A new class for a trained network from few recordings: rules, and what the others lose."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from spikesound.inference.learnt.activity import Activity, linear_readout
from spikesound.inference.learnt.check import potential
from spikesound.inference.learnt.delta import spread
from spikesound.inference.learnt.teach import fit
from spikesound.models.loading import TrainedModel

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Clips:
    """Clips as a network gets them, and as its read-out does.

    Attributes
    ----------
    inputs : (time, clip, frame, bin)
    activities : of the last hidden layer, one a clip
    classes : number of each clip's class (clip,); that of the new one is the number of the known
    """

    inputs: torch.Tensor
    activities: list[Activity]
    classes: Ints

    def select(self, rows: Ints) -> Clips:
        """Return the clips of the given rows."""
        return Clips(
            self.inputs[:, torch.from_numpy(rows)],
            [self.activities[row] for row in rows],
            self.classes[rows],
        )

    @property
    def rows(self) -> Floats:
        """Activities (clip, synapse), without the bias's."""
        return np.concatenate([each.rows[:1, :-1] for each in self.activities])


@dataclass(frozen=True)
class Tuning:
    """Settings of fine-tuning: steps of the optimiser, and its learning rate."""

    steps: int
    learning_rate: float


Decide = Callable[[Clips], Ints]
"""From clips to the numbers of their classes."""

Rule = Callable[[TrainedModel, Clips, Clips, "Tuning", torch.Generator], tuple[Decide, Decide]]
"""From a model, its known clips and those of the new class to decisions before and after."""


def delta(
    model: TrainedModel, known: Clips, new: Clips, tuning: Tuning, generator: torch.Generator
) -> tuple[Decide, Decide]:
    """The delta rule: a row of the read-out learns from its own synapses; the others stay.

    See :func:`spikesound.inference.learnt.delta.learn`.
    """
    weights, _ = fit(new.activities, known.activities, frames=0)
    before = _readout(model)
    new_class = len(model.ids)

    def after(clips: Clips) -> Ints:
        found = np.array([potential(each, weights, 0) >= 0 for each in clips.activities])
        return np.where(found, new_class, before(clips))

    return before, after


def prototypes(
    model: TrainedModel, known: Clips, new: Clips, tuning: Tuning, generator: torch.Generator
) -> tuple[Decide, Decide]:
    """Nearest class mean of the last hidden layer's activity, over deviations of known clips."""
    rows = known.rows
    mean, deviation = spread(rows, np.full(len(rows), 1 / len(rows), np.float32))
    means = [rows[known.classes == each].mean(0) for each in range(len(model.ids))]

    def nearest(centres: Sequence[Floats]) -> Decide:
        scaled = (np.stack(centres) - mean) / deviation

        def decide(clips: Clips) -> Ints:
            x = (clips.rows - mean) / deviation
            apart = np.square(x[:, None] - scaled).sum(2)
            found: Ints = apart.argmin(1)
            return found

        return decide

    return nearest(means), nearest([*means, new.rows.mean(0)])


def fine_tuned(
    model: TrainedModel, known: Clips, new: Clips, tuning: Tuning, generator: torch.Generator
) -> tuple[Decide, Decide]:
    """All weights trained on the new class's recordings alone, with a row more in the read-out."""
    return _readout(model), _tuned(model, None, new, tuning, generator)


def rehearsed(
    model: TrainedModel, known: Clips, new: Clips, tuning: Tuning, generator: torch.Generator
) -> tuple[Decide, Decide]:
    """Fine-tuning with known clips at random in each step, which count as much as the new ones."""
    return _readout(model), _tuned(model, known, new, tuning, generator)


RULES: dict[str, Rule] = {
    "delta": delta,
    "prototypes": prototypes,
    "fine_tuned": fine_tuned,
    "rehearsed": rehearsed,
}
"""The rules by name."""

TUNED = ("fine_tuned", "rehearsed")
"""Those with settings."""

BATCH = 16
"""Clips of each kind in a step of fine-tuning."""


def _readout(model: TrainedModel) -> Decide:
    return _decide(model.network)


def _decide(network: nn.Module) -> Decide:
    def decide(clips: Clips) -> Ints:
        with torch.inference_mode():
            found: Ints = network.eval()(clips.inputs).argmax(1).numpy()
        return found

    return decide


def _tuned(
    model: TrainedModel,
    known: Clips | None,
    new: Clips,
    tuning: Tuning,
    generator: torch.Generator,
) -> Decide:
    network = with_row(model)
    optimiser = torch.optim.Adam(network.parameters(), tuning.learning_rate)
    network.eval()  # batch norms keep the statistics of all that the network has seen
    for _ in range(tuning.steps):
        parts = [_drawn(each, generator) for each in (known, new) if each is not None]
        scores = network(torch.cat([part.inputs for part in parts], 1))
        losses = [
            functional.cross_entropy(own, torch.from_numpy(part.classes))
            for own, part in zip(
                scores.split([len(part.classes) for part in parts]), parts, strict=True
            )
        ]
        optimiser.zero_grad()
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return _decide(network)


def _drawn(clips: Clips, generator: torch.Generator) -> Clips:
    return clips.select(torch.randperm(len(clips.classes), generator=generator)[:BATCH].numpy())


def with_row(model: TrainedModel) -> nn.Module:
    """Return a copy of a network whose read-out has a row more: of zeros, for a new class."""
    network = copy.deepcopy(model.network)
    old = linear_readout(model).synapses
    assert isinstance(old, nn.Linear)
    wider = nn.Linear(old.in_features, old.out_features + 1)
    with torch.no_grad():
        for mine, given in ((wider.weight, old.weight), (wider.bias, old.bias)):
            mine.zero_()
            mine[:-1] = given
    name = next(name for name, module in model.network.named_modules() if module is old)
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, wider)
    return network
