"""What is done with each sound of a batch: dataclasses of all that the output depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spikesound.apps.annotations import Labelled
from spikesound.apps.api import Model
from spikesound.apps.batch.thresholds import with_thresholds
from spikesound.apps.sound import Samples
from spikesound.tasks.detection.decision import Event


@dataclass(frozen=True)
class Detection:
    """Events of a detector.

    Attributes
    ----------
    thresholds : of classes that have another than the model's, by display name
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, model: Model, samples: Samples, name: str) -> Labelled:
        """Return the events of a sound."""
        result = with_thresholds(model, self.thresholds).process_samples(samples)
        events = result.events or []
        return Labelled(name, result.seconds, model.name, samples.below_hz(model.high_hz), events)


@dataclass(frozen=True)
class Scoring:
    """Probabilities of labels: those at or above the threshold, of these the top ones.

    Attributes
    ----------
    threshold, thresholds : of all labels, and of those that have another, by display name
    top : how many labels, the most probable first; None: all, in the model's order
    """

    threshold: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    top: int | None = None

    def __call__(self, model: Model, samples: Samples, name: str) -> Labelled:
        """Return the probabilities of a sound."""
        result = model.process_samples(samples)
        kept = self.kept(result.probabilities)
        return Labelled(name, result.seconds, model.name, model.high_hz, probabilities=kept)

    def kept(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Return the probabilities that are kept."""
        kept = {
            label: value
            for label, value in probabilities.items()
            if value >= self.thresholds.get(label, self.threshold)
        }
        if self.top is None:
            return kept
        kept = {label: value for label, value in kept.items() if value} or kept
        return dict(sorted(kept.items(), key=lambda pair: -pair[1])[: self.top])


@dataclass(frozen=True)
class WindowScoring(Scoring):
    """Probabilities of labels in windows, each an event as long as the window.

    Attributes
    ----------
    window, hop : see :meth:`spikesound.apps.api.Model.windows`
    """

    window: float | None = None
    hop: float | None = None

    def __call__(self, model: Model, samples: Samples, name: str) -> Labelled:
        """Return the probabilities of a sound's windows."""
        rows, seconds = [], 0.0
        for each in model.windows_of(samples, self.window, self.hop):
            seconds = each.offset_s
            for label, probability in self.kept(each.probabilities).items():
                rows.append(Event(label, each.onset_s, each.offset_s, probability))
        return Labelled(name, seconds, model.name, samples.below_hz(model.high_hz), rows)


Process = Detection | Scoring
