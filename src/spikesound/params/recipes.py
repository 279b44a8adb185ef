"""Section ``recipes``: hyperparameters of the training loop."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spikesound.params.base import Count, Positive, Section, Share


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
