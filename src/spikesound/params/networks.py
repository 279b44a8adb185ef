"""Section ``networks``: one class an architecture."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from spikesound.params.base import Count, Section
from spikesound.params.neurons import ALIFParams

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


NETWORK_PARAMS: dict[str, type[NetworkParams]] = {
    "cnn": CNNParams,
    "pruned_cnn": CNNParams,
    "single_spike_cnn": CNNParams,
    "sigma_delta_cnn": CNNParams,
    "lstm": RecurrentParams,
    "gru": RecurrentParams,
    "rnn": RecurrentParams,
    "wta": WTAParams,
    "patches": PatchesParams,
    "som": MapParams,
    "tcn": TCNParams,
    "crnn_gru": CRNNParams,
    "crnn_lstm": CRNNParams,
    "lsnn": LSNNParams,
}
"""Parameter class of each kind of network."""
