"""Section ``recipes``: hyperparameters of the training loop."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from spikesound.params.base import Count, Positive, Section, Share


class WarpParams(Section):
    """Stretches of the axes of values, and changes of their level, for streamed clips."""

    frames: Share = Field(description="Largest change of the speed, a share.")
    bins: Share = Field(
        description="Largest stretch of the feature axis, a share: another length of the vocal "
        "tract."
    )
    gain: Share = Field(description="Largest change of the level, in ranges of the values.")
    tilt: Share = Field(
        description="Largest difference of that change between the ends of the feature axis."
    )


class AugmentParams(Section):
    """Augmentation of a training clip's features or spikes."""

    roll: bool = Field(description="Circular shift in time by any number of frames.")
    shift_bins: Annotated[int, Field(ge=0)] = Field(
        description="Largest shift up or down the feature axis, bins."
    )
    time_mask: Share = Field(description="Largest masked share of the frames.")
    bin_mask: Share = Field(description="Largest masked share of the feature axis.")
    noise: Share = Field(
        description="Largest standard deviation of Gaussian noise on features, or largest share "
        "of flipped bits of spikes."
    )
    mixup: Annotated[float, Field(ge=0)] = Field(
        description="Parameter of mixup's beta distribution; 0: none."
    )
    warp: WarpParams | None = Field(
        default=None,
        description="Stretches and changes of level, of `dataset: stream`; null: none.",
    )

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(handler(self), {"warp": None})


class NegativeParams(Section):
    """Clips of no class beside the training clips, as shares of the number of these.

    Their target is the same for all classes: shares of one for single labels (outlier exposure,
    Hendrycks et al. 2019), none for multiple labels and for detectors.
    """

    silence: Share = Field(0.0, description="Of digital silence.")
    noise: Share = Field(
        0.0,
        description="Of Gaussian noise, whose power falls by 0 to 6 dB an octave, at -80 to -20 dB "
        "of full scale.",
    )
    recordings: Share = Field(
        0.0, description="Of stretches of the recordings in `folders`, at -60 to -20 dB."
    )
    folders: list[str] = Field(
        [],
        description="Folders of recordings of no class, such as speech and background. Of each the "
        "recordings 1, 3, 5, ... are trained on; of a single one the first half.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> NegativeParams:
        if not self.silence + self.noise + self.recordings:
            raise ValueError("every share is 0: set one, or negatives: null")
        if bool(self.recordings) != bool(self.folders):
            raise ValueError("recordings and folders: one of them needs the other")
        return self


OF_STREAMS = {"dataset": "memory", "workers": 0, "keep": "best", "save_s": 300.0}
"""Values of the keys that a recipe can leave out."""


class RecipeParams(Section):
    """Hyperparameters of the training loop."""

    epochs: Count = Field(description="Epochs at most.")
    batch_clips: Count = Field(description="Clips of a batch.")
    learning_rate: Positive = Field(description="Peak of the one-cycle schedule of AdamW.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(description="AdamW's weight decay.")
    patience: Count = Field(
        description="Epochs without a lower validation loss before training stops."
    )
    clip_gradient: Positive | None = Field(
        description="Largest norm of the gradient; null: not clipped."
    )
    silence_weight: Annotated[float, Field(ge=0)] | None = Field(
        description="Adds a clip of digital silence without labels to each batch, and this weight "
        "times the firing rate in it to the loss; null: no such clip."
    )
    augment: AugmentParams
    dataset: Literal["memory", "stream"] = Field(
        "memory",
        description="memory: all clips are held in memory and augmented one by one; stream: they "
        "are read from the shards and augmented in batches on the device.",
    )
    workers: Annotated[int, Field(ge=0)] = Field(
        0, description="Processes that read streamed clips; 0: the training itself reads them."
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="Weights that are kept of streamed clips: those of the epoch with the lowest "
        "validation loss, or the last ones after all epochs.",
    )
    save_s: Positive = Field(
        300.0, description="Seconds between checkpoints within an epoch of streamed clips."
    )
    negatives: NegativeParams | None = Field(
        None, description="Clips of no class in training, of `dataset: memory`; null: none."
    )

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(handler(self), OF_STREAMS | {"negatives": None})

    @model_validator(mode="after")
    def _consistent(self) -> RecipeParams:
        if self.dataset == "stream":
            if self.negatives is not None:
                raise ValueError("negatives: only of clips in memory; set dataset: memory")
            return self
        if self.augment.warp is not None:
            raise ValueError("augment.warp: only streamed clips are warped; set dataset: stream")
        if self.keep != "best":
            raise ValueError("keep: last is of streamed clips; set dataset: stream")
        return self


def _without(content: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Leave keys out that say nothing new, so that trainings from before they existed are found."""
    return {
        key: value
        for key, value in content.items()
        if key not in defaults or value != defaults[key]
    }
