"""Classification of yt-dlp's errors: the state of the recording, and whether to retry.

What an answer's status or a broken connection means is decided here; what a sentence means, in
sentences.py.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

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
from spikesound.core.errors import SpikesoundError
from spikesound.core.writing import FAILED, FULL
from spikesound.data.fetch.meanings import (
    OUTDATED,
    PASSING,
    REGION,
    REMOVED,
    SIGN_IN,
    THROTTLED,
    UNAVAILABLE,
    UNREACHABLE,
    UNSAFE,
    UNTRUSTED,
    Meaning,
)
from spikesound.data.fetch.sentences import NO_FORMAT, OLD_WARNINGS, WARNINGS, meaning_of

_STATUS: dict[int, Meaning] = {
    401: SIGN_IN,
    402: SIGN_IN,
    404: REMOVED,
    407: UNREACHABLE,  # the proxy wants a name and a password
    410: REMOVED,
    412: THROTTLED,  # so do some sites call it
    429: THROTTLED,
    451: REGION,
    511: UNREACHABLE,  # a network that wants its page to be visited first
}
"""Of any other status from 400, nothing is known of the recording."""

# What yt-dlp adds for those who call it from a terminal.
_ADVICE = r"(Use --|;? ?please report|See  https|It is recommended|\(caused by).*"


def classify(
    error: Exception,
    *,
    direct: bool,
    broken: RequestError | None = None,
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
        The error of the last request, which may be why yt-dlp ran out of retries.
    warnings
        What yt-dlp warned of before. Where it got no answer from YouTube's player, or from some of
        the players that it asks, the reason is only there; likewise where it does not understand
        the site any more.
    """
    reason = _reason(error)
    if broken is not None and "Got error" in reason:
        error, reason = broken, " ".join(str(broken).split())
    chain = list(_chain(error))
    for cause in chain:
        meaning = _of_transport(cause, direct)
        if meaning is not None:
            return meaning.error(reason, _asked_to_wait(cause))
    broken_off = [text for text in warnings if "Unable to download" in text]
    if broken_off and re.search(r"player response|format is not available|no .*formats", reason):
        return _of_player(_clean(broken_off[0]))
    if any(part in reason for part in NO_FORMAT):
        for text in warnings:
            if any(part in text for part in (*WARNINGS, *OLD_WARNINGS)):
                return OUTDATED.error(f"{reason} ({_clean(text)})")
    if any(isinstance(cause, GeoRestrictedError) for cause in chain):
        return REGION.error(reason)
    return meaning_of(reason).error(reason)


def check_written(error: Exception, place: Path) -> None:
    """Stop at a disk of this machine that takes no more: no recording is at fault.

    Raises
    ------
    SpikesoundError
        If that was the error; the message names the file.
    """
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno is not None:
            said = re.search(r"unable to (open for writing|write data|rename file)", str(error))
            if cause.errno in FULL or (said and cause.errno in FAILED):
                raise SpikesoundError(f"{place}: {os.strerror(cause.errno)}") from error


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
            return UNSAFE
        if cause.status == 403:
            return UNAVAILABLE if direct else THROTTLED
        return _STATUS.get(cause.status, PASSING)
    if isinstance(cause, CertificateVerifyError):
        return UNTRUSTED
    if isinstance(cause, ProxyError):
        return UNREACHABLE
    if isinstance(cause, ContentTooShortError | TransportError | TimeoutError | ConnectionError):
        # No answer at all: nothing is known of the recording, and the network may be gone.
        return UNREACHABLE if _no_connection(cause) else PASSING
    if isinstance(cause, UnsupportedRequest | NoSupportingHandlers | UnsupportedError):
        return UNSAFE
    if type(cause) is RequestError:  # a redirect to another protocol, or an address that is none
        return UNSAFE
    return None


def _of_player(reason: str) -> MediaError:
    """Return the meaning of a failed request to YouTube's player."""
    status = re.search(r"HTTP Error (\d{3})", reason)
    meanings = {"400": OUTDATED, "403": THROTTLED, "429": THROTTLED}
    return meanings.get(status[1] if status else "", PASSING).error(reason)


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
