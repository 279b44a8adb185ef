"""Section ``recipes``: hyperparameters of the training loop."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section, Share, without


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


class WaveformParams(Section):
    """Augmentation of the samples of training clips, before their features are computed."""

    speed: Annotated[float, Field(ge=1, le=4)] = Field(
        description="Largest factor of the speed, and with it of the pitch, in steps of 1/40; the "
        "smallest is its inverse; 1: none."
    )
    padding: Share = Field(
        description="Zeros put on both sides, a share of the clip, before a random crop of the "
        "clip's length."
    )
    roll: bool = Field(description="Circular shift in time by any number of samples.")
    gain_db: Annotated[float, Field(ge=0)] = Field(description="Largest change of the level, dB.")
    between: Share = Field(
        description="Share of the clips that are mixed with one of another class, the ratio "
        "corrected by their loudness."
    )
    spans: Share = Field(
        description="Share of the clips of which a span of time is taken from one of another class."
    )
    bands: Share = Field(
        description="Share of the clips of which a band of the features is taken from one of "
        "another class."
    )

    @model_validator(mode="after")
    def _consistent(self) -> WaveformParams:
        if self.between + self.spans + self.bands > 1 + 1e-9:
            raise ValueError(
                "between, spans and bands are shares of the clips: their sum is over 1"
            )
        return self


OF_BATCHES = {"warp": None, "masks": 1, "blocks": 0, "block": 0.25, "waveform": None}
"""Values of augmentation's keys that a recipe can leave out."""


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
        description="Stretches and changes of level, of `dataset: stream` or of `waveform`; null: "
        "none.",
    )
    masks: Count = Field(default=1, description="Masks on each axis, of streams or of `waveform`.")
    blocks: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Masked blocks of frames by bins, of streams or of `waveform`."
    )
    block: Share = Field(default=0.25, description="Largest share of each axis that a block masks.")
    waveform: WaveformParams | None = Field(
        default=None,
        description="Augmentation of samples, with features computed in each batch; null: none.",
    )

    @property
    def in_batches(self) -> bool:
        """Whether a key is set that one clip at a time is not augmented by."""
        return self.warp is not None or self.masks > 1 or self.blocks > 0

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), OF_BATCHES)


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


class TeacherParams(Section):
    """Distillation: trained models of the same fold teach beside the labels.

    The loss is (1 - weight) times that of the labels plus weight times temperature² times the
    Kullback-Leibler divergence from the teachers' mean probabilities.
    """

    models: Annotated[list[str], Distinct] = Field(
        [],
        description="Rows of the table of models, trained first on the same folds; of an "
        "experiment also the settings in `teachers`.",
    )
    temperature: Positive = Field(
        description="Scores of teachers and network are divided by it before the softmax."
    )
    weight: Share = Field(description="Share of the teachers' part in the loss; 0: labels alone.")
    variants: Count | None = Field(
        None,
        description="Of augmented sound: after so many epochs the same sounds come again, so that "
        "teachers are asked once for each; masks are new. null: new sound in every epoch.",
    )

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), {"variants": None})


OF_STREAMS = {
    "dataset": "memory",
    "workers": 0,
    "keep": "best",
    "save_s": 300.0,
    "average": None,
    "clips": "training",
}
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
        description="Weights that are kept: those of the epoch with the lowest validation loss, or "
        "the last ones after all epochs.",
    )
    average: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Decay a batch of the moving average of the weights, which is validated and "
        "kept in their place; null: none.",
    )
    clips: Literal["training", "known"] = Field(
        "training",
        description="What is trained on: the training clips; or all that are known, those for "
        "validation too, once all is chosen: with `keep: last`. No test clip is known.",
    )
    save_s: Positive = Field(
        300.0, description="Seconds between checkpoints within an epoch of streamed clips."
    )
    negatives: NegativeParams | None = Field(
        None, description="Clips of no class in training, of `dataset: memory`; null: none."
    )
    teacher: TeacherParams | None = Field(
        None, description="Distillation from trained models, of `dataset: memory`; null: none."
    )

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), OF_STREAMS | {"negatives": None, "teacher": None})

    @model_validator(mode="after")
    def _consistent(self) -> RecipeParams:
        if self.clips == "known" and self.keep != "last":
            raise ValueError("clips: known leaves no clip to choose an epoch by; set keep: last")
        if self.dataset == "stream":
            for key in ("negatives", "teacher"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key}: only of clips in memory; set dataset: memory")
            for key in ("average", "augment.waveform"):
                if getattr(self.augment if "." in key else self, key.split(".")[-1]) is not None:
                    raise ValueError(f"{key}: not of streamed clips; set dataset: memory")
            if self.clips == "known":
                raise ValueError("clips: known is not of streamed clips; set dataset: memory")
            return self
        if self.negatives is not None and self.augment.waveform is not None:
            raise ValueError("negatives have no sound to augment; set augment.waveform: null")
        if self.negatives is not None and self.teacher is not None:
            raise ValueError("negatives have no sound that a teacher knows; set negatives: null")
        if self.augment.in_batches and self.augment.waveform is None:
            raise ValueError(
                "augment.warp, masks and blocks: only streamed clips and waveforms are augmented "
                "so; set dataset: stream, or augment.waveform"
            )
        return self
