"""What yt-dlp and sites say, and what it means: each sentence of the tables, and each status."""

from __future__ import annotations

import ast
import io
from collections.abc import Sequence
from email.utils import formatdate
from functools import cache
from pathlib import Path
from time import time

import pytest
import yt_dlp
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError

from spikesound.audio.ffmpeg import MediaError
from spikesound.core.states import STATES
from spikesound.data.fetch.classify import classify
from spikesound.data.fetch.meanings import Meaning, Outdated, Unreachable
from spikesound.data.fetch.sentences import OLD_WARNINGS, WARNINGS, YT_DLP, meaning_of
from spikesound.data.fetch.survey import LASTING

NO_FORMAT = "Requested format is not available. Use --list-formats for a list of available formats"
OTHERS = {
    "Private video. Sign in if you've been granted access to this video": "private",
    "This video is private": "private",
    "Video unavailable. This video is private": "private",
    "This video requires payment to watch": "sign_in",
    "Join this channel to get access to members-only content like this video": "sign_in",
    "This video is available to this channel's members on level: Gold": "sign_in",
    "Sign in to confirm your age. It may be inappropriate for some users.": "age_restricted",
    "The uploader has not made this video available in your country": "region_restricted",
    "Video unavailable. This video is not available in your country": "region_restricted",
    "Video unavailable. This video contains content from SME, who has blocked it in your country on"
    " copyright grounds": "region_restricted",
    "Video unavailable. This video has been removed by the uploader": "removed",
    "This video is no longer available due to a copyright claim by X": "removed",
    "The uploader has closed their YouTube account": "removed",
    "Video unavailable": "unavailable",
    "This video is not available": "unavailable",
    "This live event will begin in 2 hours.": "unavailable",
    "Sign in to confirm you’re not a bot": "throttled",
    "This content isn't available, try again later.": "throttled",
    "The page needs to be reloaded.": "failed",
    "Service temporarily unavailable": "failed",
    "A sentence that nobody has seen before": "failed",
}
NAMES = {
    "Video unavailable. This video contains content from Private Label Records, who has blocked it"
    " on copyright grounds": "removed",
    "Video unavailable. This video contains content from Not a Bot, who has blocked it on copyright"
    " grounds": "removed",
    "Video unavailable. This video contains content from Premium Members, Inc., who has blocked it"
    " in your country on copyright grounds": "region_restricted",
    "This video is no longer available due to a copyright claim by Sign In To Music": "removed",
    "Private Label Records has not made this video available in your country": "region_restricted",
    "Premium Media is not available in your country": "region_restricted",
    "Premium Media: this video has been removed": "removed",
    "Paid in Full: Video unavailable": "unavailable",
    "'Private video' by \"Too Many Requests\" has been deleted": "removed",
    "Private Label Records": "failed",
    "Premium Media": "failed",
    "The Cookies, Deleted Scenes": "failed",
}


def of(reason: str, warnings: Sequence[str] = ()) -> MediaError:
    error = DownloadError(f"ERROR: {reason}", (None, ExtractorError(reason, expected=True), None))
    return classify(error, direct=False, warnings=warnings)


@cache
def texts() -> tuple[str, ...]:
    """Return every string in the source of the installed yt-dlp."""
    found = []
    for path in Path(yt_dlp.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (str(getattr(part, "value", "")) for part in node.values)
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(found)


@pytest.mark.slow
@pytest.mark.parametrize("part", [*(part for part, _ in YT_DLP), *WARNINGS])
def test_yt_dlp_still_says_it_in_these_words(part: str) -> None:
    assert any(part in text for text in texts()), f"{part!r} is not in yt-dlp's source any more"


@pytest.mark.parametrize(("part", "meaning"), YT_DLP)
def test_each_of_yt_dlps_sentences_has_its_meaning(part: str, meaning: Meaning) -> None:
    found = of(f"It may be so. {part} and more")
    assert (found.state, found.retry, found.refusal) == (
        meaning.state,
        meaning.retry,
        meaning.refusal,
    )
    assert type(found) is meaning.kind


@pytest.mark.parametrize(("sentence", "state"), {**OTHERS, **NAMES}.items())
def test_a_sentence_is_understood_and_a_name_in_it_does_not_decide(
    sentence: str, state: str
) -> None:
    assert state in STATES
    assert meaning_of(sentence).state == state
    assert of(sentence).state == state


def test_a_blocked_address_is_a_refusal() -> None:
    found = of("All player responses are invalid. Your IP is likely being blocked by Youtube")
    assert (found.state, found.retry, found.refusal) == ("throttled", True, True)


@pytest.mark.parametrize("warning", [*WARNINGS, *OLD_WARNINGS])
@pytest.mark.parametrize("reason", [NO_FORMAT, "This video is DRM protected"])
def test_missing_formats_after_a_warning_say_nothing_of_the_recording(
    warning: str, reason: str
) -> None:
    found = of(reason, ["Skipping unsupported client", f"[youtube] abc: {warning}: and so on"])
    assert isinstance(found, Outdated)
    assert (found.retry, found.refusal) == (True, True)
    assert found.state not in LASTING
    assert warning.strip() in found.reason


def test_missing_formats_without_a_warning_are_a_film_without_sound_or_a_protected_one() -> None:
    assert of(NO_FORMAT).state == "unavailable"
    assert of("This video is DRM protected").state == "unavailable"
    assert isinstance(of("The page needs to be reloaded."), Outdated)


def answered(status: int, *, direct: bool = True, **headers: str) -> MediaError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = HTTPError(Response(io.BytesIO(), "http://x/Private video.ogg", named, status))
    return classify(error, direct=direct)


@pytest.mark.parametrize(
    ("status", "state", "retry", "refusal"),
    [
        *((status, "failed", True, False) for status in (400, 405, 406, 408, 409, 416, 425, 499)),
        *((status, "failed", True, False) for status in (500, 502, 503, 504, 507, 520)),
        *((status, "failed", True, True) for status in (407, 511)),
        *((status, "throttled", True, True) for status in (412, 429)),
        *((status, "removed", False, False) for status in (404, 410)),
        (401, "sign_in", False, False),
        (403, "unavailable", False, False),
        (451, "region_restricted", False, False),
    ],
)
def test_a_status_has_its_meaning(status: int, state: str, retry: bool, refusal: bool) -> None:
    found = answered(status)
    assert (found.state, found.retry, found.refusal) == (state, retry, refusal)


def test_a_site_that_forbids_has_begun_to_block() -> None:
    assert answered(403, direct=False).state == "throttled"


def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    assert answered(503, Retry_After="7").wait_s == 7.0
    date = formatdate(time() + 60, usegmt=True)
    assert 55 < answered(503, Retry_After=date).wait_s <= 61
    assert answered(503, Retry_After="soon").wait_s == 0.0


def test_the_error_of_the_last_request_is_what_the_downloader_only_mentions() -> None:
    broken = HTTPError(Response(io.BytesIO(), "http://x", {"Retry-After": "3"}, 503))
    error = DownloadError("ERROR: \r[download] Got error: HTTP Error 503: Service Unavailable")
    found = classify(error, direct=True, broken=broken)
    assert (found.state, found.retry, found.wait_s) == ("failed", True, 3.0)


def test_a_server_that_is_away_is_no_fault_of_the_recording() -> None:
    found = classify(
        TransportError(cause=ConnectionRefusedError(111, "Connection refused")), direct=True
    )
    assert isinstance(found, Unreachable)
    assert (found.state, found.retry, found.refusal) == ("failed", True, True)
