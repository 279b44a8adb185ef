"""Names and number formats of the metrics of both tasks, in tables and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spikesound.core.errors import choose


@dataclass(frozen=True)
class Measure:
    """A metric as people read it.

    Attributes
    ----------
    key : its name in the metric files
    title : its name in tables and sentences
    scale : what its values are multiplied by: 100 makes points of shares
    decimals : of the scaled values
    lower_is_better : as of a delay
    share : whether its values lie between 0 and 1, as the margin of equivalence does
    """

    key: str
    title: str
    scale: float = 1
    decimals: int = 3
    lower_is_better: bool = False
    share: bool = True

    @property
    def in_points(self) -> bool:
        """Whether values are written in percentage points."""
        return self.scale == 100

    def scaled(self, value: float) -> float:
        """Return a value as it is written; adding 0 turns -0 into 0."""
        return round(value * self.scale, self.decimals) + 0.0

    def signed(self, value: float) -> str:
        """Return a difference with its sign."""
        return f"{self.scaled(value):+.{self.decimals}f}"

    def amount(self, value: float) -> str:
        """Return the size of a difference: ``5.2 points of accuracy``, ``0.023 of PSDS 1``."""
        size = f"{abs(self.scaled(value)):.{self.decimals}f}"
        return f"{size} points of {self.title}" if self.in_points else f"{size} of {self.title}"


CLASSIFICATION = (
    Measure("accuracy", "accuracy", 100, 1),
    Measure("macro_f1", "macro F1", 100, 1),
    Measure("map", "mAP", 100, 1),
)
"""Of clips with one label each."""

MULTILABEL = (
    Measure("map", "mAP", 100, 1),
    Measure("auc", "AUC", 100, 1),
    Measure("d_prime", "d′", share=False),
    Measure("lwlrap", "lwlrap", 100, 1),
)
"""Of clips with several labels."""

DETECTION = (
    Measure("psds1", "PSDS 1"),
    Measure("psds2", "PSDS 2"),
    Measure("event_f1", "event F1"),
    Measure("segment_f1", "segment F1"),
    Measure("map", "mAP"),
)
"""Of sound events; those of which differences are given."""

_CLIPS = {measure.key: measure for measure in (*CLASSIFICATION, *MULTILABEL)}


def clip_measures(names: Iterable[str]) -> tuple[Measure, ...]:
    """Return the measures of a classifier's metrics, by their names.

    Raises
    ------
    SpikesoundError
        If there is no such metric.
    """
    return tuple(choose(_CLIPS, name, "metric of clips") for name in names)


def headline(task: str, metrics: Mapping[str, float | None]) -> str:
    """Return the main figures of a model in words."""
    measures = DETECTION[:3] if task == "detection" else (*CLASSIFICATION[:1], *MULTILABEL[:1])
    present = [measure for measure in measures if metrics.get(measure.key) is not None]
    return ", ".join(f"{measure.title} {metrics[measure.key]:.3f}" for measure in present)
