"""The stand-in for YouTube: yt-dlp's own extractor reads it, and says why a video is not to be had.

The table of messages is what classifies failures: a newer yt-dlp that words them otherwise, or
wraps them in other exceptions, is to be found out here.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
import yt_dlp
from project import ROOT
from videos import REFUSALS, STATUSES, Media, make_media
from youtube import PLAYER_SKIP, YouTube
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, download_range_func

from spikesound.audio.cutting import decode

RECORDINGS = sorted((ROOT / "data/esc10/audio").iterdir())[:3]
COOKIES = " Use --cookies-from-browser or --cookies for the authentication. See  https://"
# What yt-dlp says of each refusal: the message begins with this, after "[youtube] ID: ".
MESSAGES = {
    "removed": "Video unavailable. This video has been removed by the uploader",
    "terminated": "Video unavailable. This video is no longer available because the YouTube account"
    " associated with this video has been terminated.",
    "copyright": "Video unavailable. This video contains content from SME, who has blocked it on"
    " copyright grounds",
    "violation": "This video has been removed for violating YouTube's Community Guidelines",
    "unavailable": "Video unavailable",
    "not_available": "This video is not available",
    "private": "Private video. Sign in if you've been granted access to this video." + COOKIES,
    "age": "Sign in to confirm your age. This video may be inappropriate for some users." + COOKIES,
    "region": "The uploader has not made this video available in your country",
    "region_plain": "The uploader has not made this video available in your country",
    "members": "Join this channel to get access to members-only content like this video, and other"
    " exclusive perks.",
    "payment": "This video requires payment to watch",
    "upcoming": "This live event will begin in 2 hours.",
    "processing": "We're processing this video. Check back later.",
    "bot": "Sign in to confirm you’re not a bot." + COOKIES,
    "limited": "Video unavailable. This content isn't available, try again later. The current"
    " session has been rate-limited by YouTube for up to an hour.",
    "captcha": "Please solve a captcha. YouTube is requiring a captcha challenge before playback",
}


class Logger:
    """Keeps what yt-dlp warns of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Drop it."""

    def error(self, message: str) -> None:
        """Drop it: it is raised too."""

    def warning(self, message: str) -> None:
        """Keep it."""
        self.warnings.append(message)


def video_id(kind: str) -> str:
    return f"{kind:_<11.11}"


def extract(
    youtube: YouTube, kind: str, logger: Logger | None = None, download: bool = False, **more: Any
) -> dict[str, Any]:
    skip = {"player_client": ["visionos"], "player_skip": list(PLAYER_SKIP)}
    options = {
        "proxy": youtube.url,
        "nocheckcertificate": True,
        "extractor_args": {"youtube": skip},
        "extractor_retries": 0,
        "retries": 0,
        "cachedir": False,
        "quiet": True,
        "noprogress": True,
        "logger": logger or Logger(),
        "format": "bestaudio",
    }
    with yt_dlp.YoutubeDL(options | more) as client:
        address = f"https://www.youtube.com/watch?v={video_id(kind)}"
        return dict(client.extract_info(address, download=download))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return make_media(RECORDINGS, tmp_path_factory.mktemp("short"), "short")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return make_media(RECORDINGS, tmp_path_factory.mktemp("long"), "long", repeats=80)


@pytest.fixture
def serve() -> Callable[..., YouTube]:
    def go(videos: dict[str, Any], **more: Any) -> YouTube:
        named = {video_id(kind): turns for kind, turns in videos.items()}
        return YouTube(named, latency_s=0.0, **{"bytes_per_s": None} | more)

    return go


def wait_for_entries(youtube: YouTube, count: int) -> None:
    until_s = time.monotonic() + 5.0
    while len(youtube.entries) < count and time.monotonic() < until_s:
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_told_in_its_own_words(kind: str, serve: Callable[..., YouTube]) -> None:
    with serve({kind: kind}) as youtube, pytest.raises(DownloadError) as caught:
        extract(youtube, kind)
    error = caught.value.exc_info[1]
    assert type(error) is (GeoRestrictedError if kind == "region" else ExtractorError)
    assert error.expected
    assert error.cause is None
    assert error.msg.removeprefix(f"[youtube] {video_id(kind)}: ").startswith(MESSAGES[kind])


@pytest.mark.slow
def test_unknown_videos_are_unavailable(serve: Callable[..., YouTube]) -> None:
    with serve({}) as youtube, pytest.raises(DownloadError, match=r"Video unavailable$"):
        extract(youtube, "none")


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_a_status_is_told_by_a_warning_and_no_cause(
    kind: str, status: int, serve: Callable[..., YouTube]
) -> None:
    logger = Logger()
    with serve({kind: kind}) as youtube, pytest.raises(DownloadError) as caught:
        extract(youtube, kind, logger)
    error = caught.value.exc_info[1]
    assert type(error) is ExtractorError
    assert not error.expected
    assert error.cause is None
    assert "Failed to extract any player response" in error.msg
    warned = f"[youtube] {video_id(kind)}: Unable to download API page: HTTP Error {status}: "
    assert any(warning.startswith(warned) for warning in logger.warnings)


@pytest.mark.slow
def test_turns_are_taken_and_the_last_one_stays(
    short: Media, serve: Callable[..., YouTube]
) -> None:
    with serve({"a": ["busy", "bot", short]}) as youtube:
        for message in ("Failed to extract", "not a bot"):
            with pytest.raises(DownloadError, match=message):
                extract(youtube, "a")
        assert [extract(youtube, "a")["duration"] for _ in range(2)] == [15, 15]


@pytest.mark.slow
def test_a_blocked_address_gets_nothing_until_it_is_let_in_again(
    short: Media, serve: Callable[..., YouTube]
) -> None:
    with serve({"a": short}) as youtube:
        youtube.blocked = True
        with pytest.raises(DownloadError, match="not a bot"):
            extract(youtube, "a")
        youtube.blocked = False
        assert extract(youtube, "a")["id"] == video_id("a")


def test_a_video_has_formats_and_the_best_sound_comes_whole_for_one_request(
    short: Media, serve: Callable[..., YouTube], tmp_path: Path
) -> None:
    with serve({"a": short}) as youtube:
        out = str(tmp_path / "%(id)s.%(ext)s")
        found = extract(youtube, "a", download=True, outtmpl=out)
    rows = {row["format_id"]: row for row in found["formats"]}
    assert {name: (row["ext"], row["acodec"], row["vcodec"]) for name, row in rows.items()} == {
        "140": ("m4a", "mp4a.40.2", "none"),
        "251": ("webm", "opus", "none"),
        "160": ("mp4", "none", "avc1.4d400c"),
        "18": ("mp4", "mp4a.40.2", "avc1.42001E"),
    }
    assert {name: row["filesize"] for name, row in rows.items()} == {
        str(itag): path.stat().st_size for itag, path in short.files.items()
    }
    assert rows["251"]["abr"] == pytest.approx(short.files[251].stat().st_size * 8 / 15e3, abs=0.1)
    got = tmp_path / f"{video_id('a')}.webm"
    assert got.read_bytes() == short.files[251].read_bytes()
    asked = [(entry.method, entry.path[:20]) for entry in youtube.entries]
    assert [x for x in asked if x[0] != "CONNECT"] == [
        ("POST", "/youtubei/v1/player?"),
        ("GET", "/videoplayback?id=a_"),
    ]


@pytest.mark.parametrize("itag", [140, 251, 18])
def test_every_file_holds_the_sound_of_the_recordings(short: Media, itag: int) -> None:
    found = decode(short.files[itag], 8000, 0.0, 14.9)
    assert len(found) == 119_200
    assert abs(found).max() > 1000


@pytest.mark.slow
def test_the_whole_dance_of_a_client_that_skips_nothing(
    short: Media, serve: Callable[..., YouTube]
) -> None:
    logger = Logger()
    with serve({"a": short}) as youtube:
        found = extract(youtube, "a", logger, extractor_args={})
    assert {"140", "251", "160", "18"} <= {row["format_id"] for row in found["formats"]}
    assert any(entry.path.startswith("/watch?v=") for entry in youtube.entries)
    assert not [text for text in logger.warnings if "JavaScript runtime" not in text]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["403", "429"])
def test_a_status_of_the_media_host_is_the_exception_itself(
    fault: str, short: Media, serve: Callable[..., YouTube], tmp_path: Path
) -> None:
    with serve({"a": replace(short, faults=[fault])}) as youtube:
        out = str(tmp_path / "%(id)s.%(ext)s")
        with pytest.raises(DownloadError) as caught:
            extract(youtube, "a", download=True, outtmpl=out)
        assert isinstance(caught.value.exc_info[1], HTTPError)
        assert caught.value.exc_info[1].status == int(fault)
        extract(youtube, "a", download=True, outtmpl=out)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["reset", "truncated"])
def test_a_broken_body_of_the_media_host_is_taken_up_again(
    fault: str, short: Media, serve: Callable[..., YouTube], tmp_path: Path
) -> None:
    out = str(tmp_path / "%(id)s.%(ext)s")
    with serve({"a": replace(short, faults=[fault]), "b": replace(short, faults=[fault])}) as tube:
        with pytest.raises(DownloadError, match="more expected") as caught:
            extract(tube, "a", download=True, outtmpl=out)
        assert caught.value.exc_info[1] is None
        extract(tube, "b", download=True, outtmpl=out, retries=2)
    got = tmp_path / f"{video_id('b')}.webm"
    assert got.read_bytes() == short.files[251].read_bytes()


@pytest.mark.slow
def test_ffmpeg_fetches_ten_seconds_of_twenty_minutes_at_a_crawl(
    long: Media,
    serve: Callable[..., YouTube],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crawl = 60_000.0
    with serve({"a": long}, crawl_bytes_per_s=crawl) as youtube:
        authority = tmp_path / "ca.pem"
        authority.write_bytes(youtube.ca)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))  # ffmpeg checks certificates
        # yt-dlp asks this, and not its option ffmpeg_location, whether it can fetch by ffmpeg.
        token = FFmpegPostProcessor._ffmpeg_location.set(imageio_ffmpeg.get_ffmpeg_exe())
        part = download_range_func(None, [(900.0, 910.0)])
        began_s = time.monotonic()
        try:
            out = str(tmp_path / "%(id)s.%(ext)s")
            found = extract(youtube, "a", download=True, outtmpl=out, download_ranges=part)
        finally:
            FFmpegPostProcessor._ffmpeg_location.reset(token)
        seconds = time.monotonic() - began_s
    assert found["duration"] == 1200
    sound = decode(tmp_path / f"{video_id('a')}.webm", 8000, 0.0, 12.0)
    assert 9.9 < len(sound) / 8000 < 12.0
    media = [entry for entry in youtube.entries if entry.path.startswith("/videoplayback")]
    assert sum(entry.bytes for entry in media) < 0.1 * long.files[251].stat().st_size
    assert seconds > 0.5


def test_the_proxy_leads_nowhere_else_but_to_pages_it_is_given(
    serve: Callable[..., YouTube],
) -> None:
    with serve({}, pages={"example.org/list.csv": b"a,b"}) as youtube:
        proxies = {"https": youtube.url, "http": youtube.url}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        with pytest.raises(OSError, match="403"):
            opener.open("https://example.org/", timeout=5)
        with pytest.raises(OSError, match="404"):
            opener.open("http://example.org/", timeout=5)
        with opener.open("http://example.org/list.csv", timeout=5) as reply:
            assert reply.read() == b"a,b"
        wait_for_entries(youtube, 3)
        assert [entry.status for entry in youtube.entries] == [403, 404, 200]
