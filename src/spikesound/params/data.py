"""Sections on data: sources, filter, download, features."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section, Share


class RemoteFile(Section):
    """A file on the web, downloaded once and verified by its hash."""

    url: str = Field(description="Address of the file.")
    hash: str | None = Field(
        description="Expected hash, sha256:... or md5:...; null: not verified, the hash is printed."
    )


File = str | RemoteFile


class SourceParams(Section):
    """A source of labelled sound."""

    strong_labels: ClassVar[bool] = False
    """Whether its clips can have onsets and offsets, which detection needs."""


class ListedParams(SourceParams):
    """A source with segment lists in AudioSet's format, and the location of its recordings."""

    strong_labels = True

    segments: dict[str, File] = Field(
        description="Segment list of each fold, as weak-label CSV or strong-label TSV: a path, or "
        "url and hash; the fold '*' means that the folds are in the file given by `folds`."
    )
    folds: str | None = Field(
        description="CSV with the columns media_id,fold; required if segments has the key '*'; "
        "null: the keys of segments are the folds."
    )
    mirror: str | None = Field(
        description="Location of a recording with {media_id} in it: a path, a web address or an "
        "fsspec address; required for a run of this source."
    )


class AudioSetParams(ListedParams):
    """AudioSet's lists, the location of its recordings, and its labels beside the ontology."""

    names: File | None = Field(
        description="Names of further labels, as mid_to_display_name.tsv of the strong lists: a "
        "path, or url and hash; null: the labels of the ontology only."
    )


class ArchiveParams(SourceParams):
    """A data set that is published as one archive."""

    archive: RemoteFile = Field(description="The published archive.")
    folder: str = Field(
        description="Unpacked copy of the archive; the archive is downloaded if it does not exist."
    )


class Esc10Params(ListedParams):
    """ESC-10's lists, the location of its recordings, and the archive that has both."""

    strong_labels = False

    archive: RemoteFile | None = Field(
        description="ESC-50's archive, of which ESC-10 is a part: the lists are taken from it if "
        "neither segments nor folds exist, the recordings if mirror's folder does not; null: never."
    )
    folder: str = Field(
        description="Unpacked copy of the archive; the archive is downloaded if it does not exist."
    )


class FSDDParams(ArchiveParams):
    """The Free Spoken Digit Dataset."""

    split: Literal["recordings", "speakers"] = Field(
        description="Folds: by index of the recording (the official split) or one speaker a fold."
    )


class SpeechCommandsParams(ArchiveParams):
    """Google Speech Commands."""

    words: list[str] = Field(description="Words to keep; empty: all 35.")


class FreesoundParams(SourceParams):
    """Search results of Freesound; needs the environment variable FREESOUND_TOKEN."""

    api: str = Field(description="Address of the API.")
    queries: dict[str, str] = Field(description="Search query of each label.")
    clips_per_label: Count = Field(description="Largest number of clips of a label.")
    longest_s: Positive = Field(description="Longest duration of a clip, s.")
    licences: list[str] = Field(
        description="Accepted licences by Freesound's names, such as Attribution; empty: any."
    )
    folds: int = Field(ge=2, description="Number of folds, split by uploader.")


class FolderParams(SourceParams):
    """Local sound files: one folder per label, or a CSV with the label of each file."""

    folder: str = Field(description="Folder with the sound files.")
    table: str | None = Field(
        description="CSV with the columns file,label and, optionally, start_s,end_s,fold,"
        "recording; null: one folder per label."
    )
    folds: int = Field(
        ge=2, description="Number of folds, split by recording, if the table has no column fold."
    )


class KaggleParams(FolderParams):
    """A data set of Kaggle; needs KAGGLE_API_TOKEN, KAGGLE_USERNAME and KAGGLE_KEY, or its file."""

    dataset: str | None = Field(
        description="Data set as owner/name or owner/name/version; required for source: kaggle; "
        "folder and table are paths inside it."
    )


def _check_proxy(proxy: str | None) -> str | None:
    """Check the address of a proxy; one that was not understood would be gone past."""
    if proxy is None:
        return None
    try:
        parts = urlsplit(proxy)
        good = parts.scheme in PROXIES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port
        good = False
    if not good or not re.fullmatch(r"[!-~]+", proxy):
        kinds = ", ".join(PROXIES)
        raise ValueError(f"expected an address such as http://host:port ({kinds}), got {proxy!r}")
    return proxy


PROXIES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class ScenesParams(SourceParams):
    """Synthetic scenes of 10 s for sound event detection, each mixed from one fold's recordings."""

    strong_labels = True

    recordings: Esc10Params = Field(description="Recordings to mix: ESC-10's.")
    scenes_per_fold: Count = Field(description="Number of scenes of each fold.")
    rate_hz: int = Field(ge=8000, le=192000, description="Sampling rate of the scenes, Hz.")
    backgrounds: Annotated[list[str], Field(min_length=1), Distinct] = Field(
        description="Labels (names or ids) used as background; all other labels become events."
    )
    events: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field(
        description="Smallest and largest number of events in a scene, uniformly distributed."
    )
    event_s: Range = Field(
        description="Shortest and longest duration of an event, s; within 0.05 to 10."
    )
    snr_db: Range = Field(
        description="Range of the signal-to-noise ratio of an event over the background during "
        "the event, dB, uniformly distributed."
    )
    background_dbfs: Range = Field(
        description="Range of the background's RMS level, dB of full scale, uniformly "
        "distributed; at most -10."
    )
    active_db: Positive = Field(
        description="Activity threshold, dB below the loudest frame of a recording."
    )
    empty_share: Share = Field(description="Share of the scenes without events.")
    seed: int = Field(ge=0, description="Seed of the random generator.")

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
    """Where recordings come from: a section for each source."""

    esc10: Esc10Params = Field(description="ESC-10, in the repository.")
    audioset: AudioSetParams = Field(description="AudioSet, from YouTube or from local copies.")
    esc50: ArchiveParams = Field(description="ESC-50.")
    fsdd: FSDDParams = Field(description="Free Spoken Digit Dataset.")
    urbansound8k: ArchiveParams = Field(description="UrbanSound8K.")
    speech_commands: SpeechCommandsParams = Field(description="Google Speech Commands.")
    freesound: FreesoundParams = Field(description="Search results of Freesound.")
    kaggle: KaggleParams = Field(description="A data set of Kaggle.")
    folder: FolderParams = Field(description="Local sound files.")
    scenes: ScenesParams = Field(description="Synthetic scenes for sound event detection.")


class FilterParams(Section):
    """Selection of labels and clips, in the order labels, top, limits, expand."""

    labels: list[str] = Field(
        description="Labels to keep, names or ids of AudioSet's ontology; empty: all."
    )
    subtree: bool = Field(description="Keep all descendants of a label in the ontology as well.")
    top: Count | None = Field(
        description="Number of labels to keep, those with the most clips; null: all."
    )
    expand: bool = Field(description="Add the ancestors of its labels to each clip.")
    max_per_label: Count | None = Field(
        description="Largest number of clips of a label; null: no limit."
    )
    balance: bool = Field(
        description="Reduce each label to the number of clips of the rarest label."
    )
    strict: bool = Field(
        description="Stop the run at a damaged row of a segment list; false: such rows go to "
        "rejected.parquet."
    )


class DownloadParams(Section):
    """Downloading and cutting of the clips; from requests_per_s on only for network sources."""

    rate_hz: int = Field(ge=8000, le=192000, description="Sampling rate of the stored clips, Hz.")
    crop_s: Positive | None = Field(
        description="Length of each clip from the start of its segment, s; null: whole segments."
    )
    tolerance_s: float = Field(
        ge=0,
        le=1,
        description="Largest shortfall of a clip that is zero-padded, s; beyond it: too_short.",
    )
    silence_db: float = Field(
        le=0, description="Peak level up to which a clip counts as silent, dB of full scale."
    )
    max_failures: Share = Field(
        description="Largest share of the clips that may be missing; more stops the stage."
    )
    shard_clips: Count = Field(description="Number of clips per shard.")
    workers: Count = Field(description="Number of recordings downloaded concurrently.")
    requests_per_s: Positive | None = Field(
        description="Rate limit, recordings per second; null: no limit."
    )
    pause_s: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(
        description="Range of a worker's random pause after each recording, s; from 0."
    )
    attempts: Count = Field(description="Largest number of attempts for a temporary error.")
    backoff_s: Positive = Field(
        description="Delay before the second attempt, s; doubles with each attempt, with a random "
        "addition of up to a half."
    )
    timeout_s: Positive = Field(description="Timeout of a connection without data, s.")
    stop_after_refusals: Count = Field(
        description="Number of consecutive refusals (429, bot check, no network) that stop the run."
    )
    keep_recordings: bool = Field(
        description="Keep whole recordings, so that another crop needs no network."
    )
    remember_days: float = Field(
        ge=0, description="Days before an unavailable recording is requested again."
    )
    cookies: str | None = Field(description="Cookies file in Netscape format; null: none.")
    cookies_from_browser: str | None = Field(
        description="Browser whose cookies are used, such as firefox; null: none."
    )
    proxy: Annotated[str | None, AfterValidator(_check_proxy)] = Field(
        description="Proxy, http://host:port, https://, socks4(a):// or socks5(h)://; with one "
        "that is not http://, whole recordings are downloaded and no sections; null: none."
    )
    extractor_args: dict[str, dict[str, list[str]]] = Field(
        description="Extractor arguments of yt-dlp: site, argument, values, such as "
        "{youtube: {player_client: [tv]}}."
    )

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
    """Cleaning of the sound before its features are computed; off by default."""

    remove_dc: bool = Field(description="Subtract the mean of the samples.")
    trim_db: Annotated[float, Field(lt=0)] | None = Field(
        description="Level below the clip's loudest 25 ms at which both ends are trimmed, dB, "
        "such as -40.0; null: off."
    )
    loudness_lufs: Annotated[float, Field(lt=0)] | None = Field(
        description="Target of loudness normalisation (ITU-R BS.1770-4), LUFS, such as -23.0; "
        "null: off."
    )
    clipped_share: Share | None = Field(
        description="Largest share of clipped samples; a clip with more is left out; null: off."
    )
    duplicates: Literal["keep", "report", "drop"] = Field(
        description="Near-duplicates, found by audio fingerprints: keep (no search), report, or "
        "drop all but the first."
    )
    duplicate_errors: Share = Field(
        description="Largest bit error rate between the fingerprints of near-duplicates; "
        "unrelated sounds have 0.5."
    )


class FeatureParams(Section):
    """Features of the sound: short-time analysis, filter bank, normalisation."""

    kinds: Annotated[list[FeatureKind], Field(min_length=1), Distinct] = Field(
        description="Kinds of features, concatenated along the feature axis."
    )
    rate_hz: int = Field(
        ge=4000, le=192000, description="Sampling rate to which clips are resampled, Hz."
    )
    clip_s: Positive | None = Field(
        description="Length to which clips are cut or zero-padded, s; null: the longest clip's."
    )
    cleaning: CleaningParams = Field(
        description="Cleaning of the sound before its features are computed."
    )
    window: int = Field(ge=16, description="Length of the Hann window and of the FFT, samples.")
    hop: Count = Field(description="Hop between frames, samples; at most window.")
    mels: Count = Field(description="Number of mel bands.")
    mfccs: Count = Field(description="Number of cepstral coefficients; at most mels.")
    low_hz: float = Field(ge=0, description="Lowest frequency of the mel bands, Hz.")
    high_hz: Positive = Field(
        description="Highest frequency of the mel bands, Hz; at most rate_hz / 2."
    )
    split_hz: Positive = Field(
        description="Split frequency of the band energy ratio (energy below over above), Hz."
    )
    range_db: Positive = Field(
        description="Largest dynamic range that normalisation maps to [0, 1], dB."
    )
    batch_clips: Count = Field(description="Number of clips computed at once.")
    shard_clips: Count = Field(description="Number of clips per shard.")

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
