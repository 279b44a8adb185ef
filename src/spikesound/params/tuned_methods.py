"""Methods that start from a pretrained network: a new read-out, fine-tuning, spike counts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from spikesound.params.base import Count, Positive
from spikesound.params.methods import MethodParams
from spikesound.params.sparse_methods import PenaltyParams


class LinearHeadParams(MethodParams):
    """A linear read-out of a trained network's last layer, for other classes; the rest stays."""

    spiking: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True
    new_head: ClassVar[bool] = True
    takes_teacher: ClassVar[bool] = False


class ZeroShotParams(MethodParams):
    """A pretrained network's own outputs as scores of other classes, without training."""

    spiking: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True
    new_head: ClassVar[bool] = True
    takes_teacher: ClassVar[bool] = False

    pretrained: str = Field(description="Pretrained network whose classes the outputs are.")
    labels: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        description="Its labels for a class, by ids, of which the largest score counts; a class "
        "that is not here has its own label."
    )


class HeadParams(MethodParams):
    """A new head on the embeddings of a trained network's patches; the rest stays."""

    spiking: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True
    new_head: ClassVar[bool] = True
    takes_teacher: ClassVar[bool] = False


class TunedParams(MethodParams):
    """Fine-tuning of all layers from a trained network of other classes, its read-out fitted."""

    spiking: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True
    new_head: ClassVar[bool] = True

    crop_frames: Count | None = Field(
        description="Frames of a training clip, drawn at random each time; null: all."
    )
    mixup: Annotated[float, Field(ge=0)] = Field(
        description="Parameter of the beta distribution of mixed clips' shares; 0: none is mixed."
    )
    mixup_span: Positive | None = Field(
        description="Natural logarithms that the input's range [0, 1] stands for, so that "
        "magnitudes are mixed; null: values are mixed."
    )
    head_rate: Positive = Field(
        description="Learning rate of the read-out over that of the other weights."
    )


class TunedIntegerParams(TunedParams):
    """The same as a spiking network, trained with numbers of spikes."""

    spiking: ClassVar[bool] = True
    from_twin: ClassVar[bool] = True
    direct: ClassVar[bool] = True

    levels: Count = Field(description="Most spikes of a neuron, and time steps, D.")
    weight_bits: Annotated[int, Field(ge=2, le=8)] | None = Field(
        description="Bits of its weights; null: float32."
    )
    distillation: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the distance of the last layer from the conventional network's."
    )
    label_weight: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the labels' loss; with 0 they decide on the read-out alone, which "
        "is fitted last."
    )
    calibration_clips: Count = Field(
        description="Training clips by which the steps of activations are set at first."
    )
    penalty: PenaltyParams | None = Field(description="Penalty on firing rates; null: none.")

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if not self.distillation and not self.label_weight:
            raise ValueError("distillation and label_weight are both 0: nothing would be learnt")
        return self

    @property
    def takes_teacher(self) -> bool:  # type: ignore[override]
        """Whether the labels' loss takes part, which a teacher adds to."""
        return self.label_weight > 0

    @property
    def trained_weight_bits(self) -> int | None:
        """Bits of the weights; None: float32."""
        return self.weight_bits
