"""What YouTube says becomes the right state: by yt-dlp's own extractor, from a stand-in."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fetch_all import RATE_HZ, SOUNDS, clips_of, lag, parameters, steady
from loopback import Answer
from videos import REFUSALS, STATUSES, Media, make_media
from youtube import PLAYER_SKIP, YouTube

from spikesound.audio.cutting import decode
from spikesound.core.errors import SpikesoundError
from spikesound.data.audio_shards import read_audio
from spikesound.data.download import download
from spikesound.data.fetch import session
from spikesound.data.store import Store

pytestmark = pytest.mark.slow

STATES = {
    "removed": "removed",
    "terminated": "removed",
    "copyright": "removed",
    "violation": "removed",
    "unavailable": "unavailable",
    "not_available": "unavailable",
    "private": "private",
    "age": "age_restricted",
    "region": "region_restricted",
    "region_plain": "region_restricted",
    "members": "sign_in",
    "payment": "sign_in",
    "upcoming": "unavailable",
    "processing": "unavailable",
    "bot": "throttled",
    "limited": "throttled",
    "captcha": "throttled",
    "busy": "throttled",
    "forbidden": "throttled",
    "broken": "failed",
}
AGAIN = {"bot", "limited", "captcha", "busy", "forbidden", "broken"}

Fetch = Callable[..., pd.DataFrame]


def video(kind: str) -> str:
    return f"{kind:_<11.11}"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Media]:
    folder = tmp_path_factory.mktemp("media")
    recordings = [SOUNDS / f"{name}.ogg" for name in steady(3)]
    return {
        "short": make_media(recordings, folder, "short"),
        "long": make_media(recordings, folder, "long", repeats=40),
    }


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    plain = session.options
    monkeypatch.setattr(session, "options", lambda p: {**plain(p), "nocheckcertificate": True})

    def go(youtube: YouTube, ids: list[str], start_s: float = 2.0, **changes: Any) -> pd.DataFrame:
        authority = tmp_path / "ca.pem"
        authority.write_bytes(youtube.ca)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))  # ffmpeg's
        skip = {"player_client": ["visionos"], "player_skip": list(PLAYER_SKIP)}
        params = parameters(
            proxy=youtube.url,
            extractor_args={"youtube": skip},
            **{"backoff_s": 0.01, "max_failures": 1.0, "attempts": 2, **changes},
        )
        return download(
            clips_of([(one, start_s, start_s + 5.0) for one in ids]),
            lambda media_id: f"https://www.youtube.com/watch?v={media_id}",
            params,
            Store(tmp_path / "store"),
            tmp_path / "out",
        )

    return go


def test_every_refusal_has_its_state_and_only_what_may_help_is_tried_again(
    fetch: Fetch, media: dict[str, Media]
) -> None:
    kinds = [*REFUSALS, *STATUSES]
    assert set(kinds) == set(STATES)
    videos = {video(kind): kind for kind in kinds} | {"playable___": media["short"]}
    with YouTube(videos, bytes_per_s=None, latency_s=0.0) as youtube:
        status = fetch(youtube, [*map(video, kinds), "playable___"], stop_after_refusals=1000)
    found = dict(zip([*kinds, "ok"], status["state"], strict=True))
    assert found == STATES | {"ok": "ok"}
    attempts = dict(zip(kinds, status["attempts"], strict=False))
    assert {kind for kind, number in attempts.items() if number > 1} == AGAIN
    reasons = dict(zip(kinds, status["reason"], strict=False))
    assert reasons["removed"] == "Video unavailable. This video has been removed by the uploader"
    assert "429" in reasons["busy"]
    assert not any("--cookies" in reason or "github.com" in reason for reason in reasons.values())


def test_a_short_video_is_fetched_whole_and_a_long_one_by_section(
    fetch: Fetch, media: dict[str, Media], tmp_path: Path
) -> None:
    videos = {"short______": media["short"], "long_______": media["long"]}
    with YouTube(videos, bytes_per_s=400_000, latency_s=0.01) as youtube:
        status = fetch(youtube, list(videos), start_s=6.0, workers=1)
    sent = {
        name: sum(entry.bytes for entry in youtube.entries if f"id={name}" in entry.path)
        for name in videos
    }
    assert status["state"].tolist() == ["ok", "ok"]
    sizes = {name: one.files[140].stat().st_size for name, one in videos.items()}
    assert 0 < sent["long_______"] < sizes["long_______"] / 2
    assert not [entry for entry in youtube.entries if "itag=160" in entry.path]
    sounds = {clip_id: samples for clip_id, samples, _ in read_audio(tmp_path / "out")}
    for name, one in videos.items():
        got = sounds[f"{name}_6000"] * 32768
        assert len(got) == 5 * RATE_HZ
        files = [one.files[itag] for itag in (140, 251)]
        assert min(abs(lag(decode(file, RATE_HZ, 6.0, 11.0), got)) for file in files) == 0


def test_a_section_that_crawls_is_given_up_for_the_whole(
    fetch: Fetch, media: dict[str, Media], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikesound.data.fetch.web.SLACK", 0.25)
    videos = {"long_______": media["long"]}
    with YouTube(videos, bytes_per_s=None, latency_s=0.0, crawl_bytes_per_s=2000.0) as youtube:
        status = fetch(youtube, ["long_______"], start_s=300.0)
    assert status["state"].tolist() == ["ok"]
    assert {len(samples) for _, samples, _ in read_audio(tmp_path / "out")} == {5 * RATE_HZ}


def test_faults_of_the_media_host_are_tried_again(fetch: Fetch, media: dict[str, Media]) -> None:
    short = media["short"]
    faults = {"403": ("403",), "429": ("429",), "reset": ("reset",), "short": ("truncated",)}
    videos = {video(name): Media(short.seconds, short.files, them) for name, them in faults.items()}
    with YouTube(videos, bytes_per_s=None, latency_s=0.0) as youtube:
        status = fetch(youtube, list(videos), attempts=3)
    assert status["state"].tolist() == ["ok"] * 4
    assert (status["attempts"] == 2).all()


def test_a_bot_check_stops_the_run_before_the_list_is_through(
    fetch: Fetch, media: dict[str, Media]
) -> None:
    ids = [f"video{number:06d}" for number in range(30)]
    with YouTube(dict.fromkeys(ids, media["short"]), bytes_per_s=None, latency_s=0.0) as youtube:
        youtube.blocked = True
        with pytest.raises(SpikesoundError) as error:
            fetch(youtube, ids, workers=1, stop_after_refusals=4, backoff_s=60.0)
        youtube.blocked = False
        status = fetch(youtube, ids)
    assert "refused 4 times in a row" in str(error.value)
    assert "not a bot" in str(error.value)
    assert "4 throttled, 26 pending" in str(error.value)
    assert (status["state"] == "ok").all()
    players = [entry for entry in youtube.entries if "/player" in entry.path]
    assert len(players) == 4 + 30


class Sabr(YouTube):
    """YouTube as it is to a client that it holds sound back from: formats without an address."""

    withheld = True

    def _player(self, video: str) -> Answer:
        answer = super()._player(video)
        assert isinstance(answer.body, bytes)
        content = json.loads(answer.body)
        for one in content["streamingData"]["adaptiveFormats"] if self.withheld else ():
            one.pop("url")
        return replace(answer, body=json.dumps(content).encode())


def test_a_site_that_yt_dlp_no_longer_understands_stops_the_run_and_nothing_is_gone(
    fetch: Fetch, media: dict[str, Media]
) -> None:
    ids = [f"video{number:06d}" for number in range(12)]
    with Sabr(dict.fromkeys(ids, media["short"]), bytes_per_s=None, latency_s=0.0) as youtube:
        with pytest.raises(SpikesoundError) as error:
            fetch(youtube, ids, workers=1, stop_after_refusals=4, backoff_s=60.0)
        players = [entry for entry in youtube.entries if "/player" in entry.path]
        youtube.withheld = False
        status = fetch(youtube, ids)
    message = str(error.value)
    assert "Requested format is not available" in message
    assert "skipped as they are missing a URL" in message
    assert "pip install --upgrade 'yt-dlp[default]'" in message
    assert "4 failed, 8 pending" in message
    assert len(players) == 4
    assert (status["state"] == "ok").all(), "none of them was remembered as gone"


def test_without_a_javascript_runtime_youtube_is_not_even_asked(
    fetch: Fetch, media: dict[str, Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Absent:
        info = None

    monkeypatch.setattr(session, "_RUNTIMES", dict.fromkeys(session._RUNTIMES, Absent))
    message = r"no runtime.*deno.*pip install 'spikesound\[youtube\]'"
    with (
        YouTube({"short______": media["short"]}) as youtube,
        pytest.raises(SpikesoundError, match=message),
    ):
        fetch(youtube, ["short______"])
    assert not youtube.entries


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cookies": "none.txt"}, r"download\.cookies: none\.txt: no such file"),
        ({"cookies_from_browser": "mosaic"}, r"cookies_from_browser.*mosaic"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_asked(
    fetch: Fetch, media: dict[str, Media], changes: dict[str, Any], message: str
) -> None:
    with (
        YouTube({"short______": media["short"]}) as youtube,
        pytest.raises(SpikesoundError, match=message),
    ):
        fetch(youtube, ["short______"], **changes)
    assert not youtube.entries


def test_workers_do_not_share_a_file_of_cookies(
    tmp_path: Path, fetch: Fetch, media: dict[str, Media]
) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t2000000000\tSID\tx\n"
    cookies.write_text(text)
    ids = [f"video{number:06d}" for number in range(8)]
    with YouTube(dict.fromkeys(ids, media["short"]), bytes_per_s=None, latency_s=0.0) as youtube:
        status = fetch(youtube, ids, workers=4, cookies=str(cookies))
    assert (status["state"] == "ok").all()
    assert cookies.read_text() == text


def test_no_copy_of_the_cookies_is_left_and_those_of_a_killed_run_are_deleted(
    tmp_path: Path, fetch: Fetch, media: dict[str, Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    left = tmp_path / "tmp/spikesound-cookies-abc/cookies.txt"
    left.parent.mkdir(parents=True)
    left.write_text("of a run that was killed")
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(
        "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t2000000000\tSID\tsecret\n"
    )
    with YouTube({"short______": media["short"]}, bytes_per_s=None, latency_s=0.0) as youtube:
        fetch(youtube, ["short______"], cookies=str(cookies))
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != cookies]
    assert files
    assert not [path for path in files if b"secret" in path.read_bytes() or path == left]


def test_the_sound_is_the_recordings_own(
    fetch: Fetch, media: dict[str, Media], tmp_path: Path
) -> None:
    with YouTube({"short______": media["short"]}, bytes_per_s=None, latency_s=0.0) as youtube:
        fetch(youtube, ["short______"], start_s=0.0)
    [(_, got, _)] = read_audio(tmp_path / "out")
    original = decode(SOUNDS / f"{steady(3)[0]}.ogg", RATE_HZ, 0.0, 5.0) / 32768
    assert np.corrcoef(got[1000:-1000], original[1000:-1000])[0, 1] > 0.8
