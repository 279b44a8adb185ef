"""Methods that make networks sparse: few spikes, few changes, few synapses; and k-means."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from spikesound.params.base import Count, Positive, Section, Share
from spikesound.params.methods import FineTuneParams, MethodParams, SurrogateParams

Portion = Annotated[float, Field(ge=0, lt=1)]


class PenaltyParams(Section):
    """Hinge penalty on firing rates, by depth, that grows from zero during training."""

    target: Share = Field(description="Firing rate up to which a layer costs nothing.")
    weight: Positive = Field(description="Weight of the penalty in the loss, once it has grown.")
    depth: float = Field(
        description="Exponent p of a layer's weight (l / L)^p; 0: all layers alike, 1: linear."
    )
    start: Portion = Field(description="Share of the training before the penalty begins.")
    ramp: Portion = Field(description="Share of the training over which it grows to its weight.")


class PruningParams(Section):
    """Pruning of whole kernels with rewiring, during training."""

    density: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Share of the kernels (output, input) of each layer but the first that is left."
    )
    start: Portion = Field(description="Share of the training before pruning begins.")
    end: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Share of the training at which the density is reached and rewiring ends."
    )
    rewired: Share = Field(
        description="Share of the kernels left that is exchanged after an epoch, at first; it "
        "falls to 0 at the end."
    )


class RegularisedParams(SurrogateParams):
    """Surrogate gradients with a hinge penalty on firing rates, pruning with rewiring, or both."""

    streams: ClassVar[bool] = False
    any_network: ClassVar[bool] = False

    penalty: PenaltyParams | None = Field(description="Penalty on firing rates; null: none.")
    pruning: PruningParams | None = Field(description="Pruning with rewiring; null: none.")


class DistilledParams(RegularisedParams):
    """The same from a trained spiking network, which is the teacher of its sparse copy."""

    starts_from: ClassVar[bool] = True

    share: Share = Field(
        description="Weight of the teacher's part in the loss; the labels' is 1 less it."
    )
    temperature: Positive = Field(description="Temperature of both networks' probabilities.")
    epochs: Count = Field(description="Epochs, all of which are run; the rest is the recipe's.")
    learning_rate: Positive = Field(description="Peak of its one-cycle schedule.")

    @property
    def own_epochs(self) -> int | None:
        """Epochs in place of the recipe's."""
        return self.epochs


class IntegerParams(SurrogateParams):
    """Integer training: several spikes a step at once, given one by one in inference."""

    any_network: ClassVar[bool] = False

    levels: Count = Field(description="Most spikes of a neuron in a step of the training, D.")
    penalty: PenaltyParams | None = Field(description="Penalty on firing rates; null: none.")


class SingleSpikeParams(MethodParams):
    """At most one spike a neuron, whose time is the activation of a fine-tuned twin."""

    starts_from: ClassVar[bool] = True
    from_twin: ClassVar[bool] = True
    direct: ClassVar[bool] = True

    bits: Annotated[int, Field(ge=1, le=6)] = Field(
        description="Bits of a spike's time: a window has 2^b - 1 time steps."
    )
    weight_bits: Annotated[int, Field(ge=2, le=16)] | None = Field(
        description="Bits of its weights; null: float32."
    )
    sparsity: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the activations' density in the loss of the fine-tuning."
    )
    epochs: Count = Field(description="Epochs, all of which are run; the rest is the recipe's.")
    learning_rate: Positive = Field(description="Peak of its one-cycle schedule.")

    @property
    def own_epochs(self) -> int | None:
        """Epochs in place of the recipe's."""
        return self.epochs

    @property
    def trained_weight_bits(self) -> int | None:
        """Bits of the weights; None: float32."""
        return self.weight_bits


class SigmaDeltaParams(MethodParams):
    """Layers that send each other the changes of their rounded activations from frame to frame."""

    spiking: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True
    graded: ClassVar[bool] = True

    activation_bits: Annotated[int, Field(ge=1, le=8)] = Field(
        description="Bits of the activations, whose changes are sent."
    )
    weight_bits: Annotated[int, Field(ge=2, le=16)] | None = Field(
        description="Bits of its weights; null: float32."
    )
    changes: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the density of changes in the loss."
    )
    epochs: Count = Field(description="Epochs, all of which are run; the rest is the recipe's.")
    learning_rate: Positive = Field(description="Peak of its one-cycle schedule.")

    @property
    def own_epochs(self) -> int | None:
        """Epochs in place of the recipe's."""
        return self.epochs

    @property
    def trained_weight_bits(self) -> int | None:
        """Bits of the weights; None: float32."""
        return self.weight_bits

    @property
    def trained_activation_bits(self) -> int | None:
        """Bits of a change: those of an activation, and its sign."""
        return self.activation_bits + 1


class PrunedParams(FineTuneParams):
    """Fine-tuning of a trained conventional network with pruning and rewiring of its kernels."""

    pruning: PruningParams = Field(description="Pruning with rewiring.")


class KMeansParams(MethodParams):
    """k-means of patches, then a linear read-out: unsupervised learning of a conventional layer."""

    spiking: ClassVar[bool] = False
    own_network: ClassVar[bool] = True
    takes_teacher: ClassVar[bool] = False

    neurons: Count = Field(description="Centroids.")
    frames: Count = Field(description="Frames of a patch; it has all bins.")
    patches: Count = Field(description="Patches drawn at random from the training clips.")
    soft: bool = Field(
        description="Count how much nearer than on average each centroid is (triangle); else the "
        "nearest alone."
    )
