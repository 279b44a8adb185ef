"""What is to be tested: conditions, draws and clips, and the pieces of the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikesound.evaluation.robustness.conditions import DRAWN, UNDISTURBED, Condition


@dataclass(frozen=True)
class Plan:
    """The conditions under which a model is tested.

    Attributes
    ----------
    sound, faults : conditions of the sound, and of the hardware
    draws : of each fault that is drawn
    batch_clips : clips of a batch
    seed : the run's
    """

    sound: Sequence[Condition]
    faults: Sequence[Condition]
    draws: int
    batch_clips: int
    seed: int

    def runs(self) -> list[tuple[Condition, int]]:
        """Return each condition with the number of the draw, clean sound first."""
        runs = [(UNDISTURBED, 0)] + [(condition, 0) for condition in self.sound]
        for condition in self.faults:
            draws = self.draws if condition.name in DRAWN else 1
            runs += [(condition, number) for number in range(draws)]
        return runs


@dataclass(frozen=True)
class Clips:
    """Paths of the clips of a task.

    Attributes
    ----------
    features, disturbed : folders of the features, clean and disturbed
    events : table of the strong labels; None: the task has no use for them
    classes : label ids in class order
    """

    features: Path
    disturbed: Path
    events: Path | None
    classes: list[str]


@dataclass(frozen=True)
class Piece:
    """A part of the runs of one fold's network, every ``parts``-th from ``part`` on."""

    folder: Path
    fold: str
    clips: Clips
    plan: Plan
    part: int
    parts: int
