"""Typed parameters: one class per section of params.yaml, unknown keys refused.

This file imports neither torch nor any registry, so that a wrong value is reported within a second.
Each entry of a registry has its parameters here under the registry's name for it; a test compares
the two. No field has a default: params.yaml holds every knob, in one place.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from spikesound.errors import SpikesoundError, unknown

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


def _distinct(values: list[str]) -> list[str]:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    return values


Distinct = AfterValidator(_distinct)


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- data -------------------------------------------------------------------------------------


class RemoteFile(Section):
    """A file that is fetched once, and must then have the hash that stands here."""

    url: str
    hash: str | None  # "sha256:...", "md5:..."; null takes what comes, and says what hash it has


File = str | RemoteFile


class ListedParams(Section):
    """A source whose segments are listed in AudioSet's format, and where its recordings lie."""

    segments: dict[str, File]  # fold or "*" (folds listed apart) -> weak CSV or strong TSV
    folds: str | None  # CSV media_id,fold; needed where segments has "*"
    mirror: str | None  # one recording, with {media_id}: a path, a web address, an fsspec address


class ArchiveParams(Section):
    """A collection that is published as one archive."""

    archive: RemoteFile
    folder: str  # where an unpacked copy lies; the archive is fetched if there is none


class FSDDParams(ArchiveParams):
    split: Literal["recordings", "speakers"]


class SpeechCommandsParams(ArchiveParams):
    words: list[str]  # empty: all 35


class FreesoundParams(Section):
    api: str
    queries: dict[str, str]  # label -> what is searched for
    clips_per_label: Count
    longest_s: Positive
    licences: list[str]  # as Freesound names them; empty takes any
    folds: Annotated[int, Field(ge=2)]


class FolderParams(Section):
    """Sound files of your own: one folder a label, or a CSV that says which label each file has."""

    folder: str
    table: str | None  # CSV with file,label and, if there, start_s,end_s,fold,recording
    folds: Annotated[int, Field(ge=2)]  # dealt by recording where the table has none


class KaggleParams(FolderParams):
    dataset: str | None  # owner/name


class Sources(Section):
    esc10: ListedParams
    audioset: ListedParams
    esc50: ArchiveParams
    fsdd: FSDDParams
    urbansound8k: ArchiveParams
    speech_commands: SpeechCommandsParams
    freesound: FreesoundParams
    kaggle: KaggleParams
    folder: FolderParams


class FilterParams(Section):
    labels: list[str]  # names or ids; empty keeps every label of the source
    subtree: bool  # a label also stands for all below it in the ontology
    top: Count | None  # of these, only so many labels: those with most clips
    expand: bool  # add the ancestors of each kept label to the clip
    max_per_label: Count | None
    balance: bool  # cut every label to the count of the rarest
    strict: bool  # a damaged row stops the run, instead of going to rejected.parquet


class DownloadParams(Section):
    rate_hz: Annotated[int, Field(ge=8000, le=192000)]
    crop_s: Positive | None  # only so much of each clip, from its start; null: the whole segment
    tolerance_s: Annotated[float, Field(ge=0, le=1)]  # a clip this much too short is padded
    silence_db: Annotated[float, Field(le=0)]  # peak, dB of full scale, at or below which: silent
    max_failures: Share  # of the clips asked for; more than this stops the stage
    shard_clips: Count
    workers: Count  # recordings asked for at a time
    requests_per_s: Positive | None  # recordings a second, from a network; null: no bound
    pause_s: Annotated[list[float], Field(min_length=2, max_length=2)]  # of a worker, at random
    attempts: Count  # of one recording, where another may help
    backoff_s: Positive  # before the second attempt; doubles with each one, up to half more
    timeout_s: Positive  # without a byte
    stop_after_refusals: Count  # in a row: the site refuses, and going on would prolong the block
    keep_recordings: bool  # whole ones, so that another crop needs no network
    remember_days: Annotated[
        float, Field(ge=0)
    ]  # for which a recording that is gone is not asked for
    cookies: str | None  # file in Netscape's format
    cookies_from_browser: str | None  # chrome, firefox, ...
    proxy: str | None
    extractor_args: dict[str, dict[str, list[str]]]  # of yt-dlp: site -> argument -> values

    @model_validator(mode="after")
    def _consistent(self) -> DownloadParams:
        low, high = self.pause_s
        if not 0 <= low <= high:
            raise ValueError(f"pause_s {self.pause_s} is not from a shorter pause to a longer one")
        return self


FeatureKind = Literal[
    "mel",
    "mfcc",
    "spectrogram",
    "amplitude_envelope",
    "rms",
    "band_energy_ratio",
    "spectral_flux",
    "spectral_bandwidth",
]


class CleaningParams(Section):
    """What is mended in the sound before its features are computed; null or false: nothing."""

    remove_dc: bool
    trim_db: Annotated[float, Field(lt=0)] | None  # below the clip's loudest, at both ends
    loudness_lufs: (
        Annotated[float, Field(lt=0)] | None
    )  # integrated loudness each clip is brought to
    clipped_share: Share | None  # of samples at full scale, above which a clip is left out
    duplicates: Literal["keep", "report", "drop"]
    duplicate_errors: Share  # of fingerprint bits, up to which two clips are the same sound


class FeatureParams(Section):
    kinds: Annotated[list[FeatureKind], Field(min_length=1), Distinct]
    rate_hz: Annotated[int, Field(ge=4000, le=192000)]
    clip_s: Positive | None  # every clip is cut or zero-padded to this; null: the longest one
    cleaning: CleaningParams
    window: Annotated[int, Field(ge=16)]  # samples, also the FFT size
    hop: Count  # samples
    mels: Count
    mfccs: Count
    low_hz: Annotated[float, Field(ge=0)]
    high_hz: Positive
    split_hz: Positive  # band energy ratio: energy below over energy above
    range_db: Positive  # of level below the loud end that is mapped to [0, 1]
    batch_clips: Count
    shard_clips: Count

    @model_validator(mode="after")
    def _consistent(self) -> FeatureParams:
        if self.high_hz > self.rate_hz / 2:
            raise ValueError(f"high_hz {self.high_hz:g} is above rate_hz / 2: {self.rate_hz / 2:g}")
        if self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz {self.low_hz:g} is not below high_hz {self.high_hz:g}")
        if self.hop > self.window:
            raise ValueError(f"hop {self.hop} is above window {self.window}: gaps")
        if self.mfccs > self.mels:
            raise ValueError(f"mfccs {self.mfccs} is above mels {self.mels}")
        return self


# --- spikes -----------------------------------------------------------------------------------


class DirectParams(Section):
    steps: Count  # the network runs this many steps on the same input


class RateParams(Section):
    steps: Count
    gain: Positive  # spike probability per step at full scale


class LatencyParams(Section):
    steps: Count
    threshold: Share  # values at or below never spike


class TTFSParams(Section):
    steps: Count
    threshold: Annotated[float, Field(gt=0, le=1)]  # at the first step; it decays from there
    tau_steps: Positive  # time constant of the decay


class PhaseParams(Section):
    steps: Count
    phases: Annotated[int, Field(ge=1, le=16)]  # binary digits, of which each step sends one

    @model_validator(mode="after")
    def _whole_periods(self) -> PhaseParams:
        if self.steps % self.phases:
            raise ValueError(f"steps {self.steps} is not a multiple of phases {self.phases}")
        return self


class BurstParams(Section):
    steps: Count
    spikes_max: Count  # at full scale
    interval_min: Count  # steps from spike to spike at full scale
    interval_max: Count  # the same towards zero

    @model_validator(mode="after")
    def _fits(self) -> BurstParams:
        if self.interval_min > self.interval_max:
            raise ValueError(
                f"interval_min {self.interval_min} is above interval_max {self.interval_max}"
            )
        if self.steps < self._longest():
            raise ValueError(f"steps {self.steps} cut the longest burst, of {self._longest()}")
        return self

    def _longest(self) -> int:
        """Return the steps of the longest burst: a count's intervals are widest at its least."""
        most, span = self.spikes_max, self.interval_max - self.interval_min
        intervals = (-(-(self.interval_max * most - span * gaps) // most) for gaps in range(most))
        return 1 + max(gaps * interval for gaps, interval in enumerate(intervals))


class DeltaParams(Section):
    steps: Count  # thresholds that a bin can change by within a frame
    threshold: Annotated[float, Field(gt=0, le=1)]  # change that is worth a spike


class PopulationParams(Section):
    steps: Count
    neurons: Annotated[int, Field(ge=3)]  # in place of each bin
    gamma: Positive  # spacing of the receptive fields over their deviation
    threshold: Share  # responses at or below never spike


class Encodings(Section):
    direct: DirectParams
    rate: RateParams
    rate_deterministic: RateParams
    latency: LatencyParams
    ttfs: TTFSParams
    phase: PhaseParams
    burst: BurstParams
    delta: DeltaParams
    population: PopulationParams


SurrogateName = Literal["atan", "fast_sigmoid", "triangular", "straight_through"]
# The longest step of integration: the paper's own, and the longest that keeps the firing rates.
IZHIKEVICH_LIMIT_MS = 0.5
HODGKIN_HUXLEY_LIMIT_MS = 0.1


class LIFParams(Section):
    beta: Annotated[float, Field(gt=0, lt=1)]  # decay of the membrane potential per step
    learn_beta: bool
    threshold: Positive
    learn_threshold: bool
    reset: Literal["subtract", "zero", "none"]
    refractory: Annotated[int, Field(ge=0)]  # steps after a spike in which the neuron is held
    surrogate: SurrogateName
    slope: Positive  # steepness of the surrogate
    backend: Literal["auto", "torch", "numba", "triton"]


class IFParams(Section):
    threshold: Positive
    surrogate: SurrogateName
    slope: Positive


class CubaLIFParams(Section):
    alpha: Annotated[float, Field(ge=0, lt=1)]  # decay of the synaptic current per step
    beta: Annotated[float, Field(gt=0, lt=1)]  # decay of the membrane potential per step
    learn_decays: bool
    threshold: Positive
    surrogate: SurrogateName
    slope: Positive


class ALIFParams(Section):
    beta: Annotated[float, Field(gt=0, lt=1)]  # decay of the membrane potential per step
    rho: Annotated[float, Field(gt=0, lt=1)]  # decay of the adaptation per step
    learn_decays: bool
    threshold: Positive  # without adaptation
    rise: Annotated[float, Field(ge=0)]  # of the threshold with each spike
    surrogate: SurrogateName
    slope: Positive


class IzhikevichParams(Section):
    """The paper's a, b, c, d, and how long a step of the network lasts."""

    a: Positive  # 1/ms, rate of the recovery
    b: Annotated[float, Field(lt=0.267)]  # recovery per mV; above it there is no rest
    c: Annotated[float, Field(ge=-100, lt=30)]  # mV, potential after a spike
    d: float  # rise of the recovery with each spike
    gain: Positive  # the paper's current for an input of 1
    step_ms: Positive
    substeps: Count  # of integration, in each step
    surrogate: SurrogateName
    slope: Positive  # of the surrogate, per 100 mV

    @model_validator(mode="after")
    def _fine_enough(self) -> IzhikevichParams:
        _check_substep(self.step_ms, self.substeps, IZHIKEVICH_LIMIT_MS)
        return self


class HodgkinHuxleyParams(Section):
    gain: Positive  # uA/cm^2 for an input of 1
    step_ms: Positive
    substeps: Count  # of integration, in each step
    surrogate: SurrogateName
    slope: Positive  # of the surrogate, per 100 mV

    @model_validator(mode="after")
    def _fine_enough(self) -> HodgkinHuxleyParams:
        _check_substep(self.step_ms, self.substeps, HODGKIN_HUXLEY_LIMIT_MS)
        return self


def _check_substep(step_ms: float, substeps: int, limit_ms: float) -> None:
    if step_ms / substeps > limit_ms:
        raise ValueError(
            f"step_ms / substeps is {step_ms / substeps:g} ms, above the limit of {limit_ms:g} ms: "
            f"take at least {math.ceil(step_ms / limit_ms)} substeps"
        )


class DelayParams(Section):
    """Of a linear layer with learnt delays; for the section of a network that has such layers."""

    largest: Count  # delay, in time steps
    sigma: Annotated[float, Field(ge=0.5)]  # steps, the first width; half of largest in the paper


class Neurons(Section):
    lif: LIFParams
    integrate_and_fire: IFParams
    cuba_lif: CubaLIFParams
    alif: ALIFParams
    izhikevich: IzhikevichParams
    hodgkin_huxley: HodgkinHuxleyParams


# --- networks and training --------------------------------------------------------------------


class CNNParams(Section):
    spiking: ClassVar[bool] = True  # has a spiking twin

    channels: Annotated[list[Count], Field(min_length=1)]
    kernel: Annotated[int, Field(ge=1)]
    pool: Literal["average", "max"]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class LSTMParams(Section):
    spiking: ClassVar[bool] = False

    hidden: Count
    layers: Count
    bidirectional: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Networks(Section):
    cnn: CNNParams
    lstm: LSTMParams


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


class TrainSNNParams(TrainParams):
    neuron: str


class Models(Section):
    """What is trained: names of networks, and for spiking ones the ways of training."""

    ann: Annotated[list[str], Distinct]
    snn: Annotated[list[str], Distinct]
    methods: Annotated[list[Literal["surrogate"]], Field(min_length=1), Distinct]

    def names(self) -> list[str]:
        """Return the names of the models: ann-<network> and snn-<network>-<method>."""
        spiking = [f"snn-{network}-{method}" for network in self.snn for method in self.methods]
        return [f"ann-{network}" for network in self.ann] + spiking


class EvaluateParams(Section):
    batch_clips: Count
    resamples: Annotated[int, Field(ge=100)]  # of the bootstrap
    confidence: Annotated[float, Field(gt=0, lt=1)]


Scheduler = Annotated[str, Field(pattern=r"^(tcp|tls|ucx|ws|wss)://")]


class Params(Section):
    """The whole of params.yaml."""

    source: str
    encoding: str
    folds: Annotated[list[str], Field(min_length=1), Distinct]  # each held out in turn
    seed: Annotated[int, Field(ge=0)]
    store: str  # where clips and features are kept between runs: a path or an fsspec address
    scheduler: Scheduler | None  # tcp://host:port of a Dask cluster; null: this machine
    models: Models
    sources: Sources
    filter: FilterParams
    download: DownloadParams
    features: FeatureParams
    encodings: Encodings
    neurons: Neurons
    networks: Networks
    train_ann: TrainParams
    train_snn: TrainSNNParams
    evaluate: EvaluateParams

    @classmethod
    def load(cls, path: Path) -> Params:
        """Read and check the whole file.

        Raises
        ------
        SpikesoundError
            One line naming the file, the key, what is wrong with it and the valid choices.
        """
        if not path.is_file():
            raise SpikesoundError(f"{path}: no such file")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise SpikesoundError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(content, dict):
            raise SpikesoundError(f"{path}: not a mapping of sections")
        try:
            params = cls.model_validate(content)
        except ValidationError as error:
            raise SpikesoundError(f"{path}: {_explain(error)}") from error
        for key, names, valid in params._choices():
            for name in names:
                if name not in valid:
                    raise SpikesoundError(f"{path}: {unknown(key, name, valid)}")
        return params

    def _choices(self) -> Iterable[tuple[str, list[str], Collection[str]]]:
        spiking = [
            name
            for name, field in Networks.model_fields.items()
            if getattr(field.annotation, "spiking", False)
        ]
        yield "source", [self.source], Sources.model_fields
        yield "encoding", [self.encoding], Encodings.model_fields
        yield "network in models.ann", self.models.ann, Networks.model_fields
        yield "spiking network in models.snn", self.models.snn, spiking
        yield "train_snn.neuron", [self.train_snn.neuron], Neurons.model_fields

    @property
    def source_params(self) -> Section:
        section: Section = getattr(self.sources, self.source)
        return section


def _keys(path: Sequence[int | str]) -> list[str]:
    """Return the keys of the section that a path of keys leads to, as far as it has such."""
    section: Any = Params
    for part in path:
        field = section.model_fields.get(str(part)) if hasattr(section, "model_fields") else None
        section = section if field is None else field.annotation
    return list(section.model_fields) if hasattr(section, "model_fields") else ["url", "hash"]


def _explain(error: ValidationError) -> str:
    """Turn pydantic's report into one line: the key, the complaint, the valid keys if unknown."""
    # An unknown key comes first: where one is misspelt, the right one is missing as well.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *parents, name = first["loc"]
        where = f"key of {'.'.join(map(str, parents))}" if parents else "section"
        line = str(unknown(where, name, _keys(parents)))
    elif first["type"] == "missing":
        line = f"{key}: missing"
    else:
        line = f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"
        if first["type"] == "value_error":
            line = f"{key}: {first['msg'].removeprefix('Value error, ')}"
    more = len(problems) - 1
    return line + (f" (and {more} more)" if more else "")
