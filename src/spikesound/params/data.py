"""Sections on data: sources, filter, download, features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section, Share


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


Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class ScenesParams(Section):
    """Scenes of ten seconds, mixed from the recordings of another source, fold by fold."""

    recordings: ListedParams  # ESC-10's
    scenes_per_fold: Count
    rate_hz: Annotated[int, Field(ge=8000, le=192000)]
    backgrounds: Annotated[list[str], Field(min_length=1), Distinct]  # names or ids of labels
    events: Annotated[list[Count], Field(min_length=2, max_length=2)]  # in a scene, evenly drawn
    event_s: Range  # shortest and longest
    snr_db: Range  # of an event over the background while it lasts, evenly drawn
    background_dbfs: Range  # root mean square, dB of full scale, evenly drawn
    active_db: Positive  # below a recording's loudest frame, where silence begins
    empty_share: Share  # of the scenes: those in which nothing happens
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _consistent(self) -> ScenesParams:
        for name in ("events", "event_s", "snr_db", "background_dbfs"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} [{low:g}, {high:g}] is not from the lower to the higher")
        if self.event_s[0] < 0.05 or self.event_s[1] > 10:
            raise ValueError(f"event_s {self.event_s} is not within 0.05 s and a scene's 10 s")
        if self.background_dbfs[1] > -10:
            raise ValueError(f"background_dbfs {self.background_dbfs} leaves no room for events")
        return self


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
    scenes: ScenesParams


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
