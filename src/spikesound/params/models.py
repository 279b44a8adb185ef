"""The table of models, and the sections that its rows name: networks, methods, recipes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from spikesound.params.base import Count, Positive, Section, Share
from spikesound.params.neurons import ALIFParams

LabelKind = Literal["strong", "weak", "both"]
Dropout = Annotated[
    float, Field(ge=0, lt=1, description="Dropout probability before the read-out.")
]


class ModelParams(Section):
    """One row of the table of models: a model of one task, from data to results."""

    task: str = Field(description="Task that the model is trained for: one of `tasks`.")
    network: str = Field(description="Architecture: one of `networks`.")
    neuron: str = Field(description="Neuron or activation between its layers: one of `neurons`.")
    method: str = Field(description="Training method: one of `methods`.")
    recipe: str = Field(description="Hyperparameters of the training loop: one of `recipes`.")
    reads: str = Field(description="Input below data/: spikes, or features/<task>.")
    needs: str = Field(
        description="What training needs beside its input, below data/: clips/<task> for the "
        "labels, or models/<task>/<name> for a trained model to start from."
    )
    labels: LabelKind | None = Field(
        None, description="Detection: labels of frames (strong), of clips (weak), or both."
    )

    @property
    def base(self) -> str | None:
        """Name of the trained model that this one starts from; None: from random weights."""
        kind, *_, name = self.needs.split("/")
        return name if kind == "models" else None


class NetworkParams(Section):
    """Parameters of a network, and facts about its kind.

    Attributes
    ----------
    output : ``clip``, class scores of a whole clip, or ``frames``, logits of every frame
    takes_neuron : whether its neurons can be chosen; else its own gates or competing neurons stand
    twin : kind of the conventional network that it is compared with; empty: its own kind
    """

    output: ClassVar[Literal["clip", "frames"]] = "clip"
    takes_neuron: ClassVar[bool] = True
    twin: ClassVar[str] = ""


class CNNParams(NetworkParams):
    """Convolutions over the spectrogram; as a spiking network, over each time step's input."""

    channels: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Output channels of each block of convolution, pooling, norm and neuron."
    )
    kernel: Annotated[int, Field(ge=1)] = Field(description="Kernel size, frames and bins.")
    pool: Literal["average", "max", "stride"] = Field(
        description="2 x 2 pooling before the neuron; average merges into the convolution."
    )
    dropout: Dropout


class RecurrentParams(NetworkParams):
    """LSTM, GRU or plain RNN over the frames."""

    takes_neuron: ClassVar[bool] = False

    hidden: Count = Field(description="Units of each recurrent layer.")
    layers: Count = Field(description="Recurrent layers.")
    bidirectional: bool = Field(description="Read the clip in both directions.")
    dropout: Dropout


class WTAParams(NetworkParams):
    """Winner-take-all layer, made by the methods stdp and memristor."""

    neurons: Count = Field(description="Competing neurons at each frame.")
    frames: Count = Field(description="Frames in a neuron's receptive field.")


class MapParams(NetworkParams):
    """Self-organising map with spiking readers, made by the method som."""

    rows: Count = Field(description="Rows of the map.")
    columns: Count = Field(description="Columns of the map.")
    neurons_per_class: Count = Field(description="Output neurons of each class.")
    decay: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Decay of the output membranes per frame."
    )


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError(f"{value} is not odd")
    return value


Odd = Annotated[int, Field(ge=1, le=15), AfterValidator(_odd)]


class CausalParams(NetworkParams):
    """Causal convolutions over frames and bins, then layers with a memory, for streams."""

    output: ClassVar[Literal["clip", "frames"]] = "frames"

    channels: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Output channels of each convolutional block."
    )
    pools: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Bins merged by each block."
    )
    kernel: Odd = Field(description="Kernel size, frames and bins; odd.")
    hidden: Count = Field(description="Neurons of each layer behind the blocks.")
    dropout: Dropout

    @model_validator(mode="after")
    def _consistent(self) -> CausalParams:
        if len(self.channels) != len(self.pools):
            raise ValueError(f"channels {self.channels} and pools {self.pools} differ in number")
        return self


class TCNParams(CausalParams):
    """Causal convolutions with dilated layers behind them: a temporal convolutional network."""

    dilations: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Frames between the taps of each layer."
    )
    taps: Count = Field(description="Taps of each layer.")


class CRNNParams(CausalParams):
    """Causal convolutions with one LSTM or GRU layer behind them."""


class LSNNParams(CausalParams):
    """Causal convolutions with a recurrent layer of adaptive LIF neurons behind them (LSNN)."""

    twin: ClassVar[str] = "crnn_gru"

    adaptive: ALIFParams = Field(description="Adaptive LIF neurons of the recurrent layer.")


NETWORK_PARAMS: dict[str, type[NetworkParams]] = {
    "cnn": CNNParams,
    "lstm": RecurrentParams,
    "gru": RecurrentParams,
    "rnn": RecurrentParams,
    "wta": WTAParams,
    "som": MapParams,
    "tcn": TCNParams,
    "crnn_gru": CRNNParams,
    "crnn_lstm": CRNNParams,
    "lsnn": LSNNParams,
}
"""Parameter class of each kind of network."""


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


class MethodParams(Section):
    """Parameters of a training method, and facts about its kind.

    Attributes
    ----------
    spiking : what it trains: True a spiking network, False a conventional one
    own_network : whether it makes a network of its own, whatever the row's
    starts_from : whether it starts from a trained model
    """

    spiking: ClassVar[bool] = True
    own_network: ClassVar[bool] = False
    starts_from: ClassVar[bool] = False

    @property
    def own_epochs(self) -> int | None:
        """Epochs in place of the recipe's; None: the recipe's."""
        return None

    @property
    def trained_weight_bits(self) -> int | None:
        """Bits of the weights that a conventional network was trained with; None: float32."""
        return None

    @property
    def trained_activation_bits(self) -> int | None:
        """Bits of its activations; None: float32."""
        return None


class BackpropParams(MethodParams):
    """Backpropagation of a conventional network."""

    spiking: ClassVar[bool] = False


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

    truncate_steps: Count | None = Field(
        description="Truncated BPTT: time steps of a chunk; null: the whole clip."
    )
    readout: Literal["rate", "spike_count", "first_spike", "membrane_maximum", "membrane_sum"] = (
        Field(description="What class scores are read from; detectors read membranes.")
    )
    target_rate: Share | None = Field(
        description="Target firing rate of each layer, spikes per neuron and step; null: none."
    )
    rate_weight: Annotated[float, Field(ge=0)] = Field(
        description="Weight of the firing-rate regularisation in the loss."
    )
    weight_bits: Literal[4, 8] | None = Field(
        description="Quantised weights, trained with fake quantisation; null: float32."
    )


class ConvertParams(MethodParams):
    """Conversion of the ANN twin, its thresholds balanced on the training clips."""

    percentile: Annotated[float, Field(gt=50, le=100)] = Field(
        description="Percentile of a layer's activations that becomes its threshold."
    )


class QCFSParams(MethodParams):
    """Conversion of a twin trained with quantised activations (QCFS)."""

    levels: Count = Field(description="Levels of its activations.")


class ProxyParams(MethodParams):
    """Error of the spiking network, gradient of the ANN that shares its weights."""


class LocalParams(MethodParams):
    """What the two spike-timing rules share."""

    own_network: ClassVar[bool] = True

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


METHOD_PARAMS: dict[str, type[MethodParams]] = {
    "backprop": BackpropParams,
    "fine_tune": FineTuneParams,
    "surrogate": SurrogateParams,
    "convert": ConvertParams,
    "qcfs": QCFSParams,
    "proxy": ProxyParams,
    "stdp": STDPParams,
    "memristor": MemristorParams,
    "som": SOMParams,
}
"""Parameter class of each kind of training method."""
