"""Classification of yt-dlp's errors: the state of the recording, and whether to retry.

A site tells why it gives no sound in sentences for people. The patterns below were read off
yt-dlp's own extractor for YouTube, and a test makes that extractor say each of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    NoSupportingHandlers,
    ProxyError,
    RequestError,
    TransportError,
    UnsupportedRequest,
)
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
)

from spikesound.audio.ffmpeg import MediaError

Meaning = tuple[str, bool, bool]  # state, retry, refusal

_REFUSED: Meaning = ("throttled", True, True)

_STATUS: dict[int, Meaning] = {
    401: ("sign_in", False, False),
    402: ("sign_in", False, False),
    404: ("removed", False, False),
    408: ("failed", True, False),
    410: ("removed", False, False),
    416: ("failed", True, False),
    425: ("failed", True, False),
    429: _REFUSED,
    451: ("region_restricted", False, False),
}

# The first that matches counts: a bot check also says "sign in", a removed video "unavailable".
_SENTENCES: list[tuple[str, Meaning]] = [
    (r"not a bot|captcha|rate.?limit|too many requests|try again later|unusual traffic", _REFUSED),
    (r"private", ("private", False, False)),
    (r"members.only|join this channel|paid|payment|rental|premium", ("sign_in", False, False)),
    (r"confirm your age|age.?restricted|inappropriate for some", ("age_restricted", False, False)),
    (
        r"in your (country|location)|geo.?restrict|not available from",
        ("region_restricted", False, False),
    ),
    (
        r"removed|terminated|no longer available|deleted|does not exist|copyright|closed their",
        ("removed", False, False),
    ),
    (r"bytes, expected|more expected|did not get any data|timed out", ("failed", True, False)),
    (r"sign in|log ?in|registered users|cookies", ("sign_in", False, False)),
    (r"requested format is not available|no (video )?formats", ("unavailable", False, False)),
    (
        r"unavailable|not available|live event|premieres|check back later",
        ("unavailable", False, False),
    ),
]


# What yt-dlp adds for those who call it from a terminal.
_ADVICE = r"(Use --|;? ?please report|See  https|It is recommended|\(caused by).*"


def classify(
    error: Exception,
    *,
    direct: bool,
    broken: TransportError | None = None,
    warnings: Sequence[str] = (),
) -> MediaError:
    """Return what an error means.

    Parameters
    ----------
    error
        As yt-dlp raised it. What it wraps is looked at from the inside out.
    direct
        Whether a sound file was requested by its own address. There 403 is said of that file; from
        a site like YouTube it is the beginning of a block.
    broken
        The last error in reading an answer, which may be why yt-dlp ran out of retries.
    warnings
        What yt-dlp warned of before. Where it got no answer from YouTube's player, or from some of
        the players that it asks, the reason is only there.
    """
    reason = _reason(error)
    if broken is not None and "Got error" in reason:
        error, reason = broken, " ".join(str(broken).split())
    chain = list(_chain(error))
    for cause in chain:
        meaning = _of_transport(cause, direct)
        if meaning is not None:
            return MediaError(meaning[0], reason, *meaning[1:], wait_s=_asked_to_wait(cause))
    broken_off = [text for text in warnings if "Unable to download" in text]
    if broken_off and re.search(r"player response|format is not available|no .*formats", reason):
        return _of_player(_clean(broken_off[0]))
    if any(isinstance(cause, GeoRestrictedError) for cause in chain):
        return MediaError("region_restricted", reason)
    for pattern, (state, retry, refusal) in _SENTENCES:
        if re.search(pattern, reason, re.IGNORECASE):
            return MediaError(state, reason, retry, refusal)
    return MediaError("failed", reason)


def _asked_to_wait(cause: BaseException) -> float:
    """Return the wait of a Retry-After header in seconds; it holds those, or a date."""
    header = cause.response.headers.get("Retry-After", "") if isinstance(cause, HTTPError) else ""
    if header.isdecimal():
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0


def _of_transport(cause: BaseException, direct: bool) -> Meaning | None:
    if isinstance(cause, HTTPError):
        if cause.redirect_loop:
            return "refused", False, False
        if cause.status == 403:
            return ("unavailable", False, False) if direct else _REFUSED
        known = _STATUS.get(cause.status)
        return known or (
            "failed" if cause.status >= 500 else "unavailable",
            cause.status >= 500,
            False,
        )
    if isinstance(cause, CertificateVerifyError):
        return "refused", False, True
    if isinstance(cause, ProxyError):
        return "failed", True, True
    if isinstance(cause, ContentTooShortError | TransportError | TimeoutError | ConnectionError):
        # No answer at all: nothing is known of the recording, and the network may be gone.
        return "failed", True, _no_connection(cause)
    if isinstance(cause, UnsupportedRequest | NoSupportingHandlers | UnsupportedError):
        return "refused", False, False
    if type(cause) is RequestError:  # a redirect to another protocol, or an address that is none
        return "refused", False, False
    return None


def _of_player(reason: str) -> MediaError:
    """Return the meaning of a failed request to YouTube's player."""
    status = re.search(r"HTTP Error (\d{3})", reason)
    refused = status is not None and status[1] in ("403", "429")
    return MediaError("throttled" if refused else "failed", reason, True, refused)


def _no_connection(cause: BaseException) -> bool:
    text = str(cause).lower()
    signs = ("failed to resolve", "name resolution", "connection refused", "network is unreachable")
    return any(sign in text for sign in signs)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps, each once, innermost last."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        wrapped = getattr(one, "exc_info", None) or (None, None)
        waiting += [
            one.__context__,
            one.__cause__,
            getattr(one, "cause", None),
            getattr(one, "source_error", None),
            wrapped[1],
        ]


def _reason(error: Exception) -> str:
    """Return the site's own words in one line, without yt-dlp's advice on how to report a bug."""
    inner: BaseException = error
    if isinstance(error, DownloadError) and error.exc_info and error.exc_info[1]:
        inner = error.exc_info[1]
    words = inner.orig_msg if isinstance(inner, ExtractorError) else str(error)
    return _clean(words) or type(error).__name__


def _clean(words: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", words).removeprefix("ERROR: ")
    plain = re.sub(r"^\[[\w:]+\] \S+: ", "", plain)  # the extractor and the id
    return " ".join(re.sub(_ADVICE, "", plain).split())[:300]
