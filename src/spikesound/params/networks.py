"""Section ``networks``: one class an architecture."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from spikesound.core import own_code
from spikesound.core.errors import SpikesoundError
from spikesound.params.base import Count, Positive, Section, Share
from spikesound.params.neurons import ALIFParams, SynapticDelayParams

Dropout = Annotated[
    float, Field(ge=0, lt=1, description="Dropout probability before the read-out.")
]


class NetworkParams(Section):
    """Parameters of a network, and facts about its kind.

    Attributes
    ----------
    output : ``clip``, class scores of a whole clip, or ``frames``, logits of every frame
    takes_neuron : whether its neurons can be chosen; else its own gates or competing neurons stand
    twin : kind of the conventional network that it is compared with; empty: its own kind
    of_code : whether it is code of a user's own, whose layers are not known before it runs
    """

    output: ClassVar[Literal["clip", "frames"]] = "clip"
    takes_neuron: ClassVar[bool] = True
    twin: ClassVar[str] = ""
    of_code: ClassVar[bool] = False


class ConvolutionParams(NetworkParams):
    """Blocks of convolution over the spectrogram."""

    channels: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Output channels of each block of convolution, pooling, norm and neuron."
    )
    kernel: Annotated[int, Field(ge=1)] = Field(description="Kernel size, frames and bins.")
    pool: Literal["average", "max", "stride", "outputs"] = Field(
        description="2 x 2 pooling: average or max of the currents before the neuron, stride, or "
        "average of what the neurons put out (outputs): four times the neurons, and more accurate. "
        "All but max merge into a convolution."
    )
    dropout: Dropout


class CNNParams(ConvolutionParams):
    """Convolutions over the spectrogram; as a spiking network, over each time step's input."""

    pooling: Literal["frames", "bins", "places", "attention"] = Field(
        "frames",
        description="Of the last block's outputs before the read-out: frames, mean over bins, then "
        "mean plus maximum over frames; bins, mean plus maximum over the frames of each bin; "
        "places, mean plus maximum over frames and bins at once; attention, mean over these "
        "weighted by a learnt softmax.",
    )


class ResidualParams(CNNParams):
    """Convolutions with units behind each block that are joined with their input."""

    units: int = Field(ge=0, le=32, description="Units behind each block.")
    windows: Count = Field(
        description="Spectrograms side by side in the bins, each a channel of the input: 3 of "
        "features.kinds [mel_windows]."
    )


class ResNetParams(ResidualParams):
    """Units of two convolutions, added to their input (spiking: SEW-ResNet with ADD)."""


class DenseNetParams(ResidualParams):
    """Units of one convolution, whose channels are laid beside those of their input."""

    growth: Count = Field(description="Channels that each unit adds.")


class ClipCRNNParams(ConvolutionParams):
    """Convolutions over the spectrogram with one LSTM or GRU layer over frames behind them."""

    takes_neuron: ClassVar[bool] = False

    hidden: Count = Field(description="Units of the recurrent layer.")


class YAMNetParams(NetworkParams):
    """Depthwise-separable convolutions over log-mel values (MobileNet v1); YAMNet by its sizes."""

    channels: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Output channels of the first convolution, then of each depthwise-separable "
        "one."
    )
    strides: Annotated[list[Annotated[int, Field(ge=1, le=2)]], Field(min_length=1)] = Field(
        description="Strides over frames and bins, likewise."
    )
    patch: Count = Field(
        description="Frames of a patch; a longer clip is cut into such, whose means are averaged."
    )
    low: float = Field(description="Log-mel value that an input of 0 stands for.")
    span: Positive = Field(description="Difference of the one that 1 stands for.")
    outputs: list[Count] = Field(
        description="Outputs of each class, of which the largest counts; empty: one each."
    )

    @model_validator(mode="after")
    def _consistent(self) -> YAMNetParams:
        if len(self.channels) != len(self.strides):
            raise ValueError(
                f"channels and strides differ in number: {len(self.channels)}, {len(self.strides)}"
            )
        return self


class VGGishParams(NetworkParams):
    """Convolutions and linear layers on patches of log-mel values; VGGish by its sizes."""

    blocks: Annotated[list[Annotated[list[Count], Field(min_length=1)]], Field(min_length=1)] = (
        Field(description="Output channels of the convolutions of each block, which ends in 2 x 2 "
              "maximum pooling.")
    )  # fmt: skip
    embedding: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Outputs of the linear layers behind the blocks."
    )
    patch: Count = Field(description="Frames of a patch; a longer clip is cut into such.")
    low: float = Field(description="Log-mel value that an input of 0 stands for.")
    span: Positive = Field(description="Difference of the one that 1 stands for.")
    exit: Count | None = Field(
        description="Blocks that are run, without the linear layers; null: all, with them."
    )

    @model_validator(mode="after")
    def _consistent(self) -> VGGishParams:
        if self.exit is not None and self.exit > len(self.blocks):
            raise ValueError(f"exit {self.exit} is above the number of blocks, {len(self.blocks)}")
        return self


class SequenceHeadParams(NetworkParams):
    """A head on the embeddings that a trunk gives of a clip's patches."""

    trunk: Literal["yamnet", "vggish"] = Field(description="Kind of the network below the head.")
    trunk_params: dict[str, Any] = Field(description="Its parameters, as of an entry of its kind.")
    cell: Literal["dense", "lstm", "gru"] = Field(description="What goes over the patches.")
    units: Count = Field(description="Its units.")
    rounding: bool = Field(
        description="Round its outputs to 8 bits, so that nothing before the read-out learns."
    )

    def section(self) -> NetworkParams:
        """Return the trunk's parameters."""
        kind: type[NetworkParams] = VGGishParams if self.trunk == "vggish" else YAMNetParams
        return kind.model_validate(self.trunk_params)

    @model_validator(mode="after")
    def _of_trunk(self) -> SequenceHeadParams:
        self.section()
        return self


class RecurrentParams(NetworkParams):
    """LSTM, GRU or plain RNN over the frames."""

    takes_neuron: ClassVar[bool] = False

    hidden: Count = Field(description="Units of each recurrent layer.")
    layers: Count = Field(description="Recurrent layers.")
    bidirectional: bool = Field(description="Read the clip in both directions.")
    dropout: Dropout


class SequenceParams(NetworkParams):
    """Fully connected layers whose time steps are the frames of a clip."""

    hidden: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Neurons of each hidden layer."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="Dropout probability behind each hidden layer."
    )


class SRNNParams(SequenceParams):
    """Recurrent spiking network: each layer also gets its own spikes of the step before."""

    twin: ClassVar[str] = "gru"

    recurrent: bool = Field(
        description="Synapses within each layer; false: the layers are feed-forward."
    )


class DelayedParams(SequenceParams):
    """Feed-forward network with learnt delays in front of each hidden layer."""

    delays: SynapticDelayParams = Field(description="Delays of each hidden layer's synapses.")


class WTAParams(NetworkParams):
    """Winner-take-all layer, made by the methods stdp and memristor."""

    neurons: Count = Field(description="Competing neurons at each frame.")
    frames: Count = Field(description="Frames in a neuron's receptive field.")


class PatchesParams(NetworkParams):
    """Nearest centroids of patches, made by the method kmeans."""

    takes_neuron: ClassVar[bool] = False

    neurons: Count = Field(description="Centroids.")
    frames: Count = Field(description="Frames of a patch.")
    soft: bool = Field(description="How much nearer than on average; else the nearest alone.")


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


class EncoderDecoderParams(NetworkParams):
    """Encoder-decoder over the bins with skip connections, read at several scales; causal."""

    output: ClassVar[Literal["clip", "frames"]] = "frames"

    channels: Annotated[list[Count], Field(min_length=2)] = Field(
        description="Channels of each scale, the finest first; the decoder has those of all but "
        "the last."
    )
    pools: Annotated[list[Count], Field(min_length=2)] = Field(
        description="Bins merged by the encoder in front of each scale."
    )
    kernel: Odd = Field(description="Kernel size, frames and bins; odd.")
    units: int = Field(ge=0, le=32, description="Residual units at the coarsest scale.")
    coarse: Share = Field(
        description="Share of the training clips whose map is read after a coarser scale."
    )
    dropout: Dropout

    @model_validator(mode="after")
    def _consistent(self) -> EncoderDecoderParams:
        if len(self.channels) != len(self.pools):
            raise ValueError(f"channels {self.channels} and pools {self.pools} differ in number")
        return self


class CodeParams(NetworkParams):
    """A module of one's own: a class in a Python file outside of the package."""

    of_code: ClassVar[bool] = True

    code: str = Field(description="file.py:Class, from the folder of params.yaml.")
    arguments: dict[str, Any] = Field(
        description="Of its __init__, beside bins, classes and steps, which it gets if it names "
        "them."
    )
    input: Literal["frames", "steps", "image"] = Field(
        description="What forward gets: frames, (time, batch, bin), each frame for all of its "
        "steps; steps, (step, batch, frame, bin); image, (batch, 1, frame, bin) of an input of one "
        "step."
    )
    call: Literal["whole", "step"] = Field(
        description="whole: once a clip, with the axis of time; step: once a time step, without."
    )
    sha256: str = Field(
        "", description="SHA-256 of the file; empty: of the file as it is when this is read."
    )

    @model_validator(mode="before")
    @classmethod
    def _digested(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("sha256"):
            return values
        try:
            return values | {"sha256": own_code.read_digest(str(values.get("code", "")))}
        except SpikesoundError as error:
            raise ValueError(str(error)) from error


OF_ROW = {"arguments": {}, "input": "frames", "call": "whole"}
"""Of code that a row of the table of models names itself, without an entry of `networks`."""


NETWORK_PARAMS: dict[str, type[NetworkParams]] = {
    "cnn": CNNParams,
    "pruned_cnn": CNNParams,
    "single_spike_cnn": CNNParams,
    "sigma_delta_cnn": CNNParams,
    "resnet": ResNetParams,
    "densenet": DenseNetParams,
    "yamnet": YAMNetParams,
    "vggish": VGGishParams,
    "sequence_head": SequenceHeadParams,
    "lstm": RecurrentParams,
    "gru": RecurrentParams,
    "rnn": RecurrentParams,
    "srnn": SRNNParams,
    "delayed": DelayedParams,
    "wta": WTAParams,
    "patches": PatchesParams,
    "som": MapParams,
    "tcn": TCNParams,
    "crnn_gru": CRNNParams,
    "crnn_lstm": CRNNParams,
    "clip_crnn_gru": ClipCRNNParams,
    "clip_crnn_lstm": ClipCRNNParams,
    "lsnn": LSNNParams,
    "encoder_decoder": EncoderDecoderParams,
    "code": CodeParams,
}
"""Parameter class of each kind of network."""
