"""Paths of the tables that the evaluation of one model reads, and of its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Files of a task, and files and folders of a model's results.

    Attributes
    ----------
    names : display names of the classes by label id
    clips, events, mixtures, status : tables of the task's clips; mixtures are there only if some
        clips were mixed of several recordings
    predictions, counts : folders of the model's predictions, and of its operation counts
    metrics, curves, confusion, classes : files of the model's figures and plots
    """

    names: dict[str, str]
    clips: Path
    events: Path
    mixtures: Path
    status: Path
    predictions: Path
    counts: Path
    metrics: Path
    curves: Path
    confusion: Path
    classes: Path

    @property
    def outputs(self) -> list[Path]:
        """Files that an evaluation writes."""
        return [
            self.predictions,
            self.counts,
            self.metrics,
            self.curves,
            self.confusion,
            self.classes,
        ]

    @property
    def tables(self) -> list[Path]:
        """The task's tables that an evaluation reads."""
        mixtures = [self.mixtures] if self.mixtures.is_file() else []
        return [self.clips, self.events, *mixtures, self.status]
