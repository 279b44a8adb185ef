"""Inputs of a report: everything already loaded, no path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.evaluation.measures import CLASSIFICATION, DETECTION, MULTILABEL, Measure
from spikesound.evaluation.summary import Metrics
from spikesound.params import Model
from spikesound.report.results import Results
from spikesound.tasks.detection.decision import Event


@dataclass(frozen=True)
class Detection:
    """Output of a detector for one clip.

    Attributes
    ----------
    probabilities
        Shape (frame, class), before the median filter; frames are those of the clip's features.
    events
        By its decision rule.
    """

    probabilities: NDArray[np.floating]
    events: Sequence[Event]


@dataclass(frozen=True)
class Clip:
    """One clip: its sound, and what goes into the networks and comes out of them.

    Attributes
    ----------
    clip_id
        One of those in the predictions.
    samples
        Shape (sample,), between -1 and 1.
    rate_hz
        Of the samples.
    features
        Shape (frame, bin).
    frame_rate_hz
        Frames a second.
    feature_unit
        Of the features, for example ``dB``.
    bin_names
        One a bin.
    spikes
        Shape (step, frame, bin): at each place the share of its neurons that fire in the step;
        frames and bins may be coarser than those of the features. None where there is no such
        picture.
    spikes_of
        Whose spikes these are, for example ``the first layer``.
    credit
        Who made the recording and under which licence; may be empty.
    events, detections
        Of detection: the true sound events, and what each model shown gives.
    """

    clip_id: str
    samples: NDArray[np.floating]
    rate_hz: int
    features: NDArray[np.floating]
    frame_rate_hz: float
    feature_unit: str
    bin_names: Sequence[str]
    spikes: NDArray[np.floating] | None = None
    spikes_of: str = ""
    credit: str = ""
    events: Sequence[Event] = ()
    detections: Mapping[str, Detection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"clip {self.clip_id!r}"
        if self.samples.ndim != 1 or self.samples.size == 0:
            raise SpikesoundError(
                f"{where}: samples: expected shape (sample,), got {self.samples.shape}"
            )
        if self.features.ndim != 2 or self.features.shape[1] != len(self.bin_names):
            raise SpikesoundError(
                f"{where}: features: got shape {self.features.shape}, expected (frame, bin) "
                f"with {len(self.bin_names)} bins"
            )
        if self.spikes is not None and self.spikes.ndim != 3:
            raise SpikesoundError(
                f"{where}: spikes: expected shape (step, frame, bin), got {self.spikes.shape}"
            )


@dataclass(frozen=True)
class ReportInputs:
    """Everything that the page shows.

    Attributes
    ----------
    task
        classification or detection.
    table
        Rows of the table of models by name; models of the summary that are not in it are baselines.
    summary
        Content of the task's summary.json, with the entry ``dataset``: clips_asked, clips_present,
        clips_scored, confidence, manifest.
    names
        Content of labels.json: display name of each label id, in class order.
    predictions
        Of classification, for each model its PREDICTIONS table.
    curves
        For each trained model its learning curves; models that learn in one go have none.
    status
        The STATUS table.
    clips
        Those that can be listened to, in the order shown.
    parameters
        params.yaml, as text.
    provenance
        What the figures were made with; shown as it is.
    results
        The other measurements, as far as they are there.
    """

    task: str
    table: Mapping[str, Model]
    summary: Mapping[str, Metrics]
    names: Mapping[str, str]
    predictions: Mapping[str, pd.DataFrame]
    curves: Mapping[str, pd.DataFrame]
    status: pd.DataFrame
    clips: Sequence[Clip]
    parameters: str
    provenance: Mapping[str, str]
    results: Results = field(default_factory=Results)

    def __post_init__(self) -> None:
        for name in self.models if self.task == "classification" else ():
            if name not in self.predictions:
                raise unknown("model without predictions", name, self.predictions)
        for name in self.curves:
            if name not in self.models:
                raise unknown("model with learning curves", name, self.models)

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order of the summary."""
        return [name for name in self.summary if name != "dataset"]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The metrics of the task and its labels; the first is the headline."""
        if self.task == "detection":
            return DETECTION
        single = all("accuracy" in self.summary[name] for name in self.models)
        return CLASSIFICATION if single else MULTILABEL

    @property
    def headline(self) -> Measure:
        """The metric that the verdict is on."""
        return self.measures[0]

    @property
    def confidence(self) -> float:
        """Of the intervals."""
        return float(self.summary["dataset"]["confidence"])
