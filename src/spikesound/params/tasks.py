"""Section ``tasks``: data, cross-validation and evaluation of each task."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section, Share, without

TaskName = Literal["classification", "detection"]

Folds = Annotated[
    list[str],
    Field(min_length=1, description="Folds that are held out for testing, each in turn."),
    Distinct,
]
ValidationShare = Annotated[
    float,
    Field(
        gt=0,
        lt=0.5,
        description="Share of the training clips for validation, by recording; the nearest 1/k.",
    ),
]


class ClassificationParams(Section):
    """What sounds in a clip."""

    folds: Folds
    labels: Literal["single", "multiple"] = Field(
        description="single: one label a clip, softmax and cross-entropy; multiple: any number, "
        "sigmoid and binary cross-entropy."
    )
    balanced_sampling: bool = Field(
        description="Draw training clips so that each class comes equally often in an epoch, "
        "with replacement."
    )
    validation_fold: Literal["previous"] | None = Field(
        description="previous: validate on the fold before the held-out one, cyclically; null: on "
        "a share of the training clips."
    )
    validation_share: ValidationShare


class DecisionParams(Section):
    """Candidates of threshold tuning, which chooses for each class on validation clips."""

    medians_s: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="Lengths of the median filter, seconds; half of the longest is a delay."
    )
    thresholds: Annotated[list[Share], Field(min_length=1)] = Field(
        description="Thresholds of the class probability."
    )


class DetectionParams(Section):
    """When each sound begins and ends."""

    source: str = Field(description="One of `sources`, with strong labels.")
    files: str = Field(
        description="Folder below data/ with the source's own files, on which the data stages "
        "depend: that of the recordings that scenes are mixed from, or the source's name."
    )
    folds: Folds
    validation_fold: Literal["previous"] | None = Field(
        description="previous: validate on the fold before the held-out one, cyclically; null: on "
        "a share of the training clips."
    )
    validation_share: ValidationShare
    pooling: Literal["linear_softmax", "attention"] = Field(
        description="From frame to clip probabilities, for weak labels."
    )
    weak_weight: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the clips' loss beside the frames', for labels `both`."
    )
    lookahead_s: Annotated[float, Field(ge=0, le=5)] = Field(
        0.0,
        description="Look-ahead, seconds: the network's output is trained on, and taken for, the "
        "frame so long before; every decision is delayed by it.",
    )
    decision: DecisionParams
    resamples: Annotated[int, Field(ge=100)] = Field(
        description="Bootstrap resamples of recordings."
    )
    background_clips: Count = Field(
        description="Clips without events, of 10 s, in which false alarms are counted."
    )

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), {"lookahead_s": 0.0})

    @model_validator(mode="after")
    def _mixed(self) -> DetectionParams:
        if self.source == "scenes" and self.validation_fold is None:
            raise ValueError(
                "validation_fold: scenes of one fold share their recordings; it must be 'previous'"
            )
        return self


class Tasks(Section):
    """Data, cross-validation and evaluation of each task."""

    classification: ClassificationParams
    detection: DetectionParams
