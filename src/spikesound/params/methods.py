"""Section ``methods``: one class a training method."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from spikesound.params.base import Count, Positive, Section, Share


class MethodParams(Section):
    """Parameters of a training method, and facts about its kind.

    Attributes
    ----------
    spiking : what it trains: True a spiking network, False a conventional one
    own_network : whether it makes a network of its own, whatever the row's
    streams : whether it can train on clips that stay on disk
    starts_from : whether it starts from a trained model
    new_head : whether that model has other classes, and lies below data/base/
    any_network : whether it trains networks of code as well, whose layers are not known
    from_twin : whether a spiking network starts from its conventional twin
    direct : whether it needs direct coding
    takes_teacher : whether the training loop minimises the task's loss, which a teacher adds to
    graded : whether the layers of its network send each other events with values, as spiking
        hardware can with graded spikes
    """

    spiking: ClassVar[bool] = True
    own_network: ClassVar[bool] = False
    streams: ClassVar[bool] = False
    starts_from: ClassVar[bool] = False
    new_head: ClassVar[bool] = False
    any_network: ClassVar[bool] = False
    from_twin: ClassVar[bool] = False
    direct: ClassVar[bool] = False
    takes_teacher: ClassVar[bool] = True
    graded: ClassVar[bool] = False

    @property
    def own_epochs(self) -> int | None:
        """Epochs in place of the recipe's; None: the recipe's."""
        return None

    @property
    def trained_weight_bits(self) -> int | None:
        """Bits of the weights that a network was trained with; None: float32."""
        return None

    @property
    def trained_activation_bits(self) -> int | None:
        """Bits of its activations; None: float32."""
        return None


class BackpropParams(MethodParams):
    """Backpropagation of a conventional network."""

    spiking: ClassVar[bool] = False
    any_network: ClassVar[bool] = True
    streams: ClassVar[bool] = True


class FineTuneParams(MethodParams):
    """Fine-tuning of a trained conventional network: quantised, or with sparse activations."""

    spiking: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True

    activation_bits: Annotated[int, Field(ge=1, le=16)] | None = Field(
        description="Bits of its activations; null: floating point."
    )
    weight_bits: Annotated[int, Field(ge=2, le=16)] | None = Field(
        description="Bits of its weights; null: floating point."
    )
    sparsity: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the activations' density in the loss."
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
        """Bits of the activations; None: float32."""
        return self.activation_bits


class SurrogateParams(MethodParams):
    """Backpropagation through time with surrogate gradients."""

    any_network: ClassVar[bool] = True
    streams: ClassVar[bool] = True

    truncate_steps: Count | None = Field(
        description="Truncated BPTT: time steps of a chunk; null: the whole clip."
    )
    readout: Literal[
        "rate",
        "spike_count",
        "first_spike",
        "membrane_maximum",
        "membrane_sum",
        "membrane_softmax",
    ] = Field(description="What class scores are read from; detectors read membranes.")
    target_rate: Share | None = Field(
        description="Target firing rate of each layer, spikes per neuron and step; null: none."
    )
    rate_weight: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the firing-rate regularisation in the loss."
    )
    weight_bits: Literal[4, 8] | None = Field(
        description="Quantised weights, trained with fake quantisation; null: float32."
    )

    @property
    def trained_weight_bits(self) -> int | None:
        """Bits of the weights; None: float32."""
        return self.weight_bits


class TransferParams(BackpropParams):
    """Transfer learning of a conventional network: from a trained model of other classes."""

    any_network: ClassVar[bool] = False
    streams: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True
    new_head: ClassVar[bool] = True


class TransferSurrogateParams(SurrogateParams):
    """Transfer learning of a spiking network, by surrogate gradients."""

    any_network: ClassVar[bool] = False
    streams: ClassVar[bool] = False
    starts_from: ClassVar[bool] = True
    new_head: ClassVar[bool] = True


class ConvertParams(MethodParams):
    """Conversion of the ANN twin, its thresholds balanced on the training clips."""

    percentile: Annotated[float, Field(gt=50, le=100)] = Field(
        description="Percentile of a layer's activations that becomes its threshold."
    )
    presentations: Count = Field(
        description="How often the converted network gets the code, one after the other."
    )


class QCFSParams(MethodParams):
    """Conversion of a twin trained with quantised activations (QCFS)."""

    levels: Count = Field(description="Levels of its activations.")


class ProxyParams(MethodParams):
    """Error of the spiking network, gradient of the ANN that shares its weights."""

    reset: Literal["subtract", "zero"] = Field(
        description="After a spike: subtract the threshold from the potential, or set it to zero "
        "(hard reset)."
    )
    initial: Share = Field(description="Potential of the neurons at the start, in thresholds.")
    readout: Literal["rate", "spike_count"] = Field(
        description="Class scores: linear in the spike counts of the last hidden layer, or the "
        "spike counts of integrate-and-fire output neurons."
    )
    loss: Literal["task", "squared_error"] = Field(
        description="Objective: the task's, or the squared error of the scores from targets of "
        "sum one, of single labels."
    )
    activation: Literal["clipped", "relu"] = Field(
        description="Activation of the ANN: min(max(x, 0), 1), or max(x, 0)."
    )
    frozen_after: Count | None = Field(
        description="Epochs after which batch norms keep their mean and variance; null: never."
    )


class LocalParams(MethodParams):
    """What the two spike-timing rules share."""

    own_network: ClassVar[bool] = True
    takes_teacher: ClassVar[bool] = False

    neurons: Count = Field(description="Competing neurons at each frame.")
    frames: Count = Field(description="Frames in a neuron's receptive field.")
    batches: Count = Field(description="Batches of patches.")
    batch_patches: Count = Field(description="Patches of a batch, drawn at random.")
    homeostasis: Annotated[float, Field(ge=0)] = Field(
        description="Step of the thresholds per batch towards equal firing."
    )


class STDPParams(LocalParams):
    """Spike-timing-dependent plasticity under winner-take-all, then a linear read-out."""

    rule: Literal["soft", "product"] = Field(description="Of weights near their bounds.")
    rate_up: Share = Field(description="Learning rate of potentiation.")
    rate_down: Share = Field(description="Learning rate of depression.")


class MemristorParams(LocalParams):
    """The same with synapses of a few conductance levels and refractory neurons."""

    levels: Annotated[int, Field(ge=2)] = Field(description="Conductance levels of a synapse.")
    nonlinearity_up: Annotated[float, Field(ge=-10, le=10)] = Field(
        description="Nonlinearity of potentiation; 0: equal steps."
    )
    nonlinearity_down: Annotated[float, Field(ge=-10, le=10)] = Field(
        description="Nonlinearity of depression; 0: equal steps."
    )
    lowest: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Lowest conductance over the highest."
    )
    variation: Annotated[float, Field(ge=0)] = Field(
        description="Standard deviation between devices, relative."
    )
    refractory: Count = Field(description="Refractory steps, in place of the neuron's own.")


class SOMParams(MethodParams):
    """A self-organising map of frames, read by spiking neurons."""

    own_network: ClassVar[bool] = True
    takes_teacher: ClassVar[bool] = False

    rows: Count = Field(description="Rows of the map.")
    columns: Count = Field(description="Columns of the map.")
    sweeps: Count = Field(description="Sweeps over all frames.")
    sigma: Positive = Field(description="Final width of the neighbourhood, units.")
    neurons_per_class: Count = Field(description="Output neurons of each class.")
    decay: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Decay of the output membranes per frame."
    )
    margin: Positive = Field(description="Margin of the membrane's maximum from the threshold.")
    learning_rate: Positive = Field(description="Of the read-out, in place of the recipe's.")
