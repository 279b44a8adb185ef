"""Sections on networks, ways of training and evaluation."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from spikesound.params.base import Count, Distinct, Positive, Section, Share


class CNNParams(Section):
    spiking: ClassVar[bool] = True  # has a spiking twin

    channels: Annotated[list[Count], Field(min_length=1)]
    kernel: Annotated[int, Field(ge=1)]
    pool: Literal["average", "max", "stride"]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class RecurrentParams(Section):
    spiking: ClassVar[bool] = False

    hidden: Count
    layers: Count
    bidirectional: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Networks(Section):
    cnn: CNNParams
    lstm: RecurrentParams
    gru: RecurrentParams
    rnn: RecurrentParams


class AugmentParams(Section):
    roll: bool  # shift in time, circular, by any number of frames
    shift_bins: Annotated[int, Field(ge=0)]  # at most, up or down the feature axis
    time_mask: Share  # at most, of the frames
    bin_mask: Share  # at most, of the feature axis
    noise: Share  # deviation of Gaussian noise (analog) or share of bits flipped (spikes), at most
    mixup: Annotated[float, Field(ge=0)]  # parameter of the beta distribution; 0 turns it off


class TrainParams(Section):
    epochs: Count
    batch_clips: Count
    learning_rate: Positive  # the peak of the one-cycle schedule
    weight_decay: Annotated[float, Field(ge=0)]
    validation_share: Annotated[float, Field(gt=0, lt=0.5)]  # of the training folds
    patience: Count  # epochs without a lower validation loss before training stops
    augment: AugmentParams


class VariantParams(Section):
    """The trained ANN twin, trained on with fewer bits or to fewer activations."""

    activation_bits: Annotated[int, Field(ge=1, le=16)] | None  # null: as they are
    weight_bits: Annotated[int, Field(ge=2, le=16)] | None
    sparsity: Annotated[float, Field(ge=0)]  # weight of the activations' density in the loss
    epochs: Count  # and below, the rest being train_ann's
    learning_rate: Positive


class TrainSNNParams(TrainParams):
    neuron: str


class SurrogateParams(Section):
    """Backpropagation through time."""

    truncate_steps: Count | None  # of the pieces that gradients and memory are held to; null: whole
    readout: Literal["rate", "spike_count", "first_spike", "membrane_maximum", "membrane_sum"]
    target_rate: Share | None  # spikes per neuron and step that layers are drawn to; null: free
    rate_weight: Annotated[float, Field(ge=0)]  # of that in the loss
    weight_bits: Literal[4, 8] | None


class ConvertParams(Section):
    """Conversion of the ANN twin, its thresholds balanced on the training clips."""

    percentile: Annotated[float, Field(gt=50, le=100)]  # of a layer's activations


class QCFSParams(Section):
    """Conversion of a twin that was trained with quantised activations."""

    levels: Count


class ProxyParams(Section):
    """The error of the spiking network, the gradient of the ANN that shares its weights."""


class LocalParams(Section):
    """What the two local rules share."""

    neurons: Count
    frames: Count  # that each neuron hears
    batches: Count
    batch_patches: Count  # places heard at once, drawn at random
    homeostasis: Annotated[float, Field(ge=0)]  # of thresholds, a batch


class STDPParams(LocalParams):
    """Spike timing under winner-take-all, then a linear read-out."""

    rule: Literal["soft", "product"]  # of weights near their bounds
    rate_up: Share
    rate_down: Share


class MemristorParams(LocalParams):
    """The same with synapses of a few levels and refractory neurons."""

    levels: Annotated[int, Field(ge=2)]
    nonlinearity_up: Annotated[float, Field(ge=-10, le=10)]  # 0: equal steps
    nonlinearity_down: Annotated[float, Field(ge=-10, le=10)]
    lowest: Annotated[float, Field(ge=0, lt=1)]  # conductance, of the highest
    variation: Annotated[float, Field(ge=0)]  # between devices, a standard deviation
    refractory: Count  # steps after a spike, in place of the neuron's own


class SOMParams(Section):
    """A self-organising map of frames, and spiking neurons that read it."""

    rows: Count
    columns: Count
    sweeps: Count  # over all frames
    sigma: Positive  # width of the neighbourhood at the end, in units
    neurons_per_class: Count
    decay: Annotated[float, Field(gt=0, le=1)]  # of the reading membranes, per frame
    margin: Positive  # of the membrane's maximum from the threshold
    learning_rate: Positive  # of the read-out, in place of train_snn's


class Methods(Section):
    surrogate: SurrogateParams
    convert: ConvertParams
    qcfs: QCFSParams
    proxy: ProxyParams
    stdp: STDPParams
    memristor: MemristorParams
    som: SOMParams


class WTAParams(Section):
    neurons: Count
    frames: Count


class MapParams(Section):
    rows: Count
    columns: Count
    neurons_per_class: Count
    decay: Annotated[float, Field(gt=0, le=1)]


class OwnNetworks(Section):
    """Networks that a way of training makes by itself: in model files, not in params.yaml."""

    wta: WTAParams
    som: MapParams


class Models(Section):
    """What is trained: names of networks, and for spiking ones the ways of training."""

    ann: Annotated[list[str], Distinct]
    snn: Annotated[list[str], Distinct]
    methods: Annotated[list[str], Distinct]
    variants: Annotated[list[str], Distinct]  # of the ANN twins of those in snn

    def names(self) -> list[str]:
        """Return the names: ann-<network>, ann-<network>-<variant>, snn-<network>-<method>."""
        spiking = [f"snn-{network}-{method}" for network in self.snn for method in self.methods]
        variants = [f"ann-{network}-{name}" for network in self.snn for name in self.variants]
        return [f"ann-{network}" for network in self.ann] + variants + spiking


class TimingParams(Section):
    budget_s: Positive  # for timing all models together
    clips: Count  # timed, of the first fold
    energy_s: Positive  # of each model's loop, where the processor counts energy


class EvaluateParams(Section):
    batch_clips: Count
    resamples: Annotated[int, Field(ge=100)]  # of the bootstrap
    permutations: Annotated[int, Field(ge=100)]  # of the paired tests, at least
    confidence: Annotated[float, Field(gt=0, lt=1)]
