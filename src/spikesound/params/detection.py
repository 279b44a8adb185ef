"""Section ``detection``: what is trained to tell when sounds begin and end, and its judging."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section, Share
from spikesound.params.neurons import LIFParams


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError(f"{value} is not odd")
    return value


Odd = Annotated[int, Field(ge=1, le=15), AfterValidator(_odd)]
LabelKind = Literal["strong", "weak", "both"]


class DetectorParams(Section):
    """Causal convolutions over frames and bins, and what has a memory behind them."""

    channels: Annotated[list[Count], Field(min_length=1)]  # of each block of convolutions
    pools: Annotated[list[Count], Field(min_length=1)]  # bins merged by each block
    kernel: Odd  # frames and bins
    hidden: Count  # neurons of each layer behind the blocks
    dilations: Annotated[list[Count], Field(min_length=1)]  # of tcn: frames between taps, by layer
    taps: Count  # of tcn
    dropout: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _consistent(self) -> DetectorParams:
        if len(self.channels) != len(self.pools):
            raise ValueError(f"channels {self.channels} and pools {self.pools} differ in number")
        return self


class DetectionAugmentParams(Section):
    """What leaves the sounds' times as they are."""

    shift_bins: Annotated[int, Field(ge=0)]  # at most, up or down the feature axis
    bin_mask: Share  # at most, of the feature axis
    noise: Share  # deviation of Gaussian noise, at most


class DetectionTrainParams(Section):
    epochs: Count
    batch_clips: Count
    learning_rate: Positive  # the peak of the one-cycle schedule
    weight_decay: Annotated[float, Field(ge=0)]
    patience: Count  # epochs without a lower validation loss before training stops
    pooling: Literal["linear_softmax", "attention"]  # from frames to the clip, for weak labels
    weak_weight: Annotated[float, Field(ge=0)]  # of the clips' loss beside the frames', for both
    target_rate: Share | None  # spikes per neuron and frame that layers are drawn to; null: free
    rate_weight: Annotated[float, Field(ge=0)]
    silence_weight: Annotated[float, Field(ge=0)]  # of the spike rate in digital silence
    augment: DetectionAugmentParams


class DecisionParams(Section):
    """Candidates, of which the validation clips choose for each class."""

    medians_s: Annotated[list[Positive], Field(min_length=1)]  # lengths of the median filter
    thresholds: Annotated[list[Share], Field(min_length=1)]


class DetectionEvaluateParams(Section):
    resamples: Annotated[int, Field(ge=100)]  # of the bootstrap over clips
    confidence: Annotated[float, Field(gt=0, lt=1)]
    background_clips: Count  # without events, of 10 s, for false alarms


def _known(names: list[str]) -> list[str]:
    for name in names:
        if not re.fullmatch(r"ann-(tcn|gru|lstm)|snn-(tcn|alif)", name):
            raise ValueError(
                f"unknown model {name!r}; valid: ann-tcn, ann-gru, ann-lstm, snn-tcn, snn-alif"
            )
    return names


class DetectionParams(Section):
    source: str  # one of sources, with strong labels
    test_fold: str
    validation_fold: str | None  # null: a share of the training clips, by recording
    validation_share: Annotated[float, Field(gt=0, lt=0.5)]  # where validation_fold is null
    models: Annotated[list[str], Field(min_length=1), Distinct, AfterValidator(_known)]
    labels: Annotated[list[LabelKind], Field(min_length=1), Distinct]  # each model is trained on
    network: DetectorParams
    lif: LIFParams  # of spiking detectors, instead of neurons.lif
    train_ann: DetectionTrainParams
    train_snn: DetectionTrainParams
    decision: DecisionParams
    evaluate: DetectionEvaluateParams

    def train_of(self, model: str) -> DetectionTrainParams:
        """Return how a model is trained, by its name."""
        return self.train_snn if model.startswith("snn-") else self.train_ann
