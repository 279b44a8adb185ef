"""A recording from the web, by yt-dlp: the sections that are wanted, or the whole of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from yt_dlp.utils import DownloadError

from spikesound.audio.cutting import Samples, Span
from spikesound.audio.ffmpeg import MediaError
from spikesound.data.fetch.classify import check_written, classify
from spikesound.data.fetch.partial import CannotContinueError, Partial
from spikesound.data.fetch.rates import SLACK, Measured, Rates
from spikesound.data.fetch.section import fetch_section
from spikesound.data.fetch.session import Session, session
from spikesound.params import DownloadParams

SOUND_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aac", "aif", "aiff", "au", "caf", "flac", "m4a", "mka"),
        *("mp3", "mp4", "oga", "ogg", "opus", "wav", "webm", "wma"),
    )
)
"""An address that ends in one of these is a file; any other is one of yt-dlp's sites."""

EXACT = ("m4a", "mp4", "ogg", "oga", "wav", "flac", "mp3")
"""Containers that a section is cut out of to the sample; WebM counts milliseconds."""

BYTES_PER_S = 16_000
"""Of sound of unknown size: 128 kbit/s."""


@dataclass(frozen=True)
class FromWeb:
    """Result of a fetch: sections, or the whole recording.

    Attributes
    ----------
    sections
        Samples of each span, if they were fetched alone; else the whole lies in its place.
    length_s
        Of the whole recording, where the site states it.
    measured
        How long that took.
    sized
        Whether the server stated how many bytes it sends.
    """

    sections: list[Samples] | None
    length_s: float | None
    measured: list[Measured]
    sized: bool = True


def fetch_web(
    location: str, spans: Sequence[Span], params: DownloadParams, place: Path, rates: Rates
) -> FromWeb:
    """Fetch what is needed of a recording.

    Parameters
    ----------
    location
        Web address of a sound file, or of a page that yt-dlp knows how to read.
    spans
        The stretches wanted, in seconds.
    params
        The section ``download`` of params.yaml.
    place
        Where the whole recording is to lie. What an earlier attempt left is continued: it ends in
        ``.part`` until the recording is complete.
    rates
        What was measured so far.

    Raises
    ------
    MediaError
        In which state the recording is then, and whether another attempt may help.
    """
    direct = is_file(location)
    ydl = session(params)
    ydl.forget()
    try:
        info = _file(location) if direct else ydl.extract_info(location, download=False)
        _check(info, location)
        measured: list[Measured] = []
        if rates.prefer_sections(_size(info, spans), len(spans)):
            got = _sections(ydl, info, spans, params, rates, measured)
            if got is not None:
                return FromWeb(got, info.get("duration"), measured)
        began = time.monotonic()
        ydl.params["outtmpl"]["default"] = str(place).replace("%", "%%")
        _fetch_whole(ydl, info, place)
    except MediaError:
        raise
    except Exception as error:
        check_written(error, place)
        raise classify(error, direct=direct, broken=ydl.broken, warnings=ydl.warnings) from error
    if not place.is_file():
        raise MediaError("failed", "no data, and no error from yt-dlp", retry=True)
    measured.append(Measured(time.monotonic() - began, place.stat().st_size))
    return FromWeb(None, info.get("duration"), measured, ydl.sized)


def _fetch_whole(ydl: Session, info: dict[str, Any], place: Path) -> None:
    """Fetch a whole recording, or go on where an earlier transfer stopped."""
    partial = Partial(place)
    ydl.partial = partial if info.get("protocol", "http") in ("http", "https") else None
    try:
        ydl.process_ie_result(info, download=True)
    except DownloadError:
        if not (isinstance(ydl.broken, CannotContinueError) and partial.settle(ydl.broken)):
            raise
    finally:
        ydl.partial = None
        partial.tidy()


def is_file(location: str) -> bool:
    """Tell the address of a sound file from that of a page."""
    return PurePosixPath(urlsplit(location).path).suffix.lower() in SOUND_SUFFIXES


def _file(location: str) -> dict[str, Any]:
    """Describe a file to yt-dlp as its extractors do, which saves asking the server twice."""
    suffix = PurePosixPath(urlsplit(location).path).suffix.lower()
    return {
        "id": "recording",
        "title": "recording",
        "url": location,
        "ext": suffix.removeprefix("."),
        "vcodec": "none",
        "direct": True,
        "extractor": "generic",
        "extractor_key": "Generic",
        "webpage_url": location,
    }


def _check(info: dict[str, Any] | None, location: str) -> None:
    if info is None:
        raise MediaError("unavailable", f"{location}: not found")
    if info.get("_type", "video") != "video":
        raise MediaError("refused", f"{location}: a page of several recordings, not one")
    if info.get("live_status") in ("is_live", "is_upcoming"):
        raise MediaError("unavailable", "a live stream, not a recording")


def _size(info: dict[str, Any], spans: Sequence[Span]) -> float:
    """Return the size of the whole recording in bytes, estimated if it is unknown."""
    stated = info.get("filesize") or info.get("filesize_approx")
    length_s = info.get("duration") or max(end_s for _, end_s in spans)
    bytes_per_s = 125 * info["abr"] if info.get("abr") else BYTES_PER_S
    return float(stated or length_s * bytes_per_s)


def _seekable(info: dict[str, Any]) -> dict[str, Any]:
    """Return the best format that counts time in samples, where a site offers several."""
    exact = [
        one
        for one in info.get("formats") or []
        if one.get("vcodec") == "none"
        and one.get("ext") in EXACT
        and one.get("protocol") in ("http", "https")
    ]
    return max(exact, key=lambda one: one.get("abr") or 0, default=info)


def _sections(
    ydl: Session,
    info: dict[str, Any],
    spans: Sequence[Span],
    params: DownloadParams,
    rates: Rates,
    measured: list[Measured],
) -> list[Samples] | None:
    """Fetch each span alone; None if one of them fails, takes far too long, or comes short, or
    ffmpeg cannot ask for them as yt-dlp would."""
    info = _seekable(info)
    if info.get("protocol", "https") not in ("http", "https"):
        return None
    try:
        proxy = ydl.section_proxy(info["url"])
    except ValueError:
        return None
    headers = dict(info.get("http_headers") or {})
    cookies = ydl.cookiejar.get_cookie_header(info["url"])
    if cookies:
        if params.cookies or params.cookies_from_browser:
            return None  # every user of the machine can read ffmpeg's command line
        headers["Cookie"] = cookies
    got: list[Samples] = []
    for span in spans:
        began = time.monotonic()
        try:
            samples = fetch_section(
                info["url"],
                headers,
                params.rate_hz,
                span,
                timeout_s=params.timeout_s,
                limit_s=SLACK * rates.section_s,
                proxy=proxy,
            )
        except MediaError:
            samples = None
        measured.append(Measured(time.monotonic() - began))
        short_s = span[1] - span[0] - (0 if samples is None else len(samples) / params.rate_hz)
        if samples is None or short_s > params.tolerance_s:
            return None
        got.append(samples)
    return got
