"""Sections on data: filter, download, features."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from spikesound.params.base import Count, Distinct, Positive, Section, Share


def _check_proxy(proxy: str | None) -> str | None:
    """Check the address of a proxy; one that was not understood would be bypassed."""
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
    "cochlea",
    "yamnet_mel",
    "mel_windows",
    "spike_counts",
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
    window: int = Field(
        ge=16,
        description="Length of the Hann window and of the FFT, samples; of yamnet_mel the FFT has "
        "the next power of two.",
    )
    hop: Count = Field(description="Hop between frames, samples; at most window.")
    mels: Count = Field(
        description="Number of mel bands; twice the channels of a cochlea; of mel_windows, in "
        "each of the windows; of spike_counts, bins."
    )
    mfccs: Count = Field(description="Number of cepstral coefficients; at most mels.")
    low_hz: float = Field(
        ge=0, description="Lowest frequency of the bands, Hz; of a cochlea at least 30."
    )
    high_hz: Positive = Field(
        description="Highest frequency of the bands, Hz; at most rate_hz / 2."
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
