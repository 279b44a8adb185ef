"""yt-dlp as this project uses it: quiet, without retries, impatient with a dead server."""

from __future__ import annotations

import http.client
import io
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yt_dlp
from yt_dlp.networking.exceptions import HTTPError, RequestError, TransportError
from yt_dlp.utils._jsruntime import (
    BunJsRuntime,
    DenoJsRuntime,
    NodeJsRuntime,
    QuickJsRuntime,
)
from yt_dlp.utils.networking import select_proxy

from spikesound.audio.ffmpeg import ffmpeg_binary
from spikesound.core.errors import SpikesoundError
from spikesound.data.fetch.partial import CannotContinueError, Partial
from spikesound.params import DownloadParams

SLOWEST_BYTES_PER_S = 1000
"""A server that gives less, over ``timeout_s``, is given up: it would hold a worker for hours."""

_RUNTIMES = {
    "deno": DenoJsRuntime,
    "node": NodeJsRuntime,
    "quickjs": QuickJsRuntime,
    "bun": BunJsRuntime,
}

_READ_BYTES = 1 << 16


class Session(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """A YoutubeDL that stops reading an answer that trickles.

    A timeout of the socket alone does not help against a server that sends a byte now and then.

    Attributes
    ----------
    broken
        The error of the last request, in asking or in reading the answer. yt-dlp's downloader says
        only in words that there was one, once it is out of retries.
    warnings
        Warnings of yt-dlp since :meth:`forget`, and its notes for debugging: of formats that its
        default clients do not get it says nothing else.
    partial
        The partial download that is under way; None for one that is not continued.
    sized
        Whether the last answer stated how long it is. If not, one that breaks off looks whole.
    """

    def __init__(self, options: dict[str, Any], timeout_s: float) -> None:
        self.warnings: list[str] = options["logger"].warnings
        super().__init__(options)
        self.timeout_s = timeout_s
        self.broken: RequestError | None = None
        self.partial: Partial | None = None
        self.sized = True

    def forget(self) -> None:
        """Drop the warnings and the state of the recording before."""
        self.broken = None
        self.warnings.clear()

    def section_proxy(self, address: str) -> str | None:
        """Return the proxy that ffmpeg has to use for an address, or None if it may ask directly.

        Raises
        ------
        ValueError
            If ffmpeg cannot use it: what cannot go through the proxy must not go at all.
        """
        proxy = select_proxy(address, self.proxies)
        if proxy in (None, "", "__noproxy__"):
            return None
        if urlsplit(proxy).scheme != "http":
            raise ValueError(f"{proxy}: ffmpeg knows HTTP proxies only")
        return str(proxy)

    def write_debug(self, message: str, only_once: bool = False) -> None:
        self.warnings.append(message)

    def urlopen(self, request: Any) -> Any:
        self.broken = None
        try:
            if self.partial is not None:
                self.partial.ask(request)
            response = super().urlopen(request)
            if self.partial is not None:
                self.partial.check(request, response)
        except RequestError as error:
            self.broken = error
            if self.partial is not None and isinstance(error, HTTPError) and error.status == 416:
                # Of HTTPError 416, yt-dlp takes a part of nearly the right length for the whole.
                self.broken = CannotContinueError(cause=error)
                raise self.broken from error
            raise
        headers = response.headers
        self.sized = "Content-Length" in headers or "chunked" in headers.get(
            "Transfer-Encoding", ""
        )
        response.read = _Reader(self, response)
        return response


class _Reader:
    """In place of ``response.read``: reads what has come, and watches how fast it comes."""

    def __init__(self, of: Session, response: Any) -> None:
        self._of = of
        self._response = response
        self._timeout_s = of.timeout_s
        self._since = time.monotonic()
        self._bytes = 0

    def __call__(self, size: int | None = None) -> bytes:
        parts: list[bytes] = []
        left = _READ_BYTES if size is None else size
        while left > 0 and (part := self._some(min(left, _READ_BYTES))):
            parts.append(part)
            left = _READ_BYTES if size is None else left - len(part)
            self._watch(len(part))
        return b"".join(parts)

    def _some(self, size: int) -> bytes:
        file = self._response.fp
        try:
            if isinstance(file, urllib3.BaseHTTPResponse):
                part: bytes = file.read1(size, decode_content=True)
            elif hasattr(file, "read1"):
                part = file.read1(size)
            else:
                part = file.read(size)
        except (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            self._of.broken = TransportError(cause=error)
            raise self._of.broken from error
        if not part:
            self._response.close()
        return part

    def _watch(self, size: int) -> None:
        self._bytes += size
        now = time.monotonic()
        passed_s = now - self._since
        if passed_s < self._timeout_s:
            return
        if self._bytes < SLOWEST_BYTES_PER_S * passed_s:
            self._of.broken = TransportError(f"only {self._bytes} bytes in {passed_s:.0f} s")
            raise self._of.broken
        self._since, self._bytes = now, 0


class _Listener:
    """Keeps yt-dlp's warnings, which tell more than some of its errors, and shows nothing."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...

    def warning(self, message: str) -> None:
        self.warnings.append(message)


_own = threading.local()


def session(params: DownloadParams) -> Session:
    """Return this thread's session: making one costs as much as a small download."""
    if getattr(_own, "params", None) != params:
        _own.session = Session(options(params), params.timeout_s)
        _own.params = params
    made: Session = _own.session
    return made


def options(params: DownloadParams) -> dict[str, Any]:
    """Return the options of yt-dlp by the parameters."""
    chosen: dict[str, Any] = {
        "quiet": True,
        "noprogress": True,
        "logger": _Listener(),
        "cachedir": False,
        # Sound alone. A direct file whose kind its server does not tell may be sound as well.
        "format": "bestaudio/best[vcodec=?none]",
        "outtmpl": {"default": "%(place)s"},
        "fixup": "never",
        "updatetime": False,
        "noplaylist": True,
        "socket_timeout": params.timeout_s,
        # Attempts are counted, spaced and stopped in one place for all recordings: policy.py.
        "retries": 0,
        "fragment_retries": 0,
        "extractor_retries": 0,
        "js_runtimes": {name: {} for name in _RUNTIMES},
        "extractor_args": params.extractor_args,
        "ffmpeg_location": ffmpeg_binary(),
    }
    if params.proxy is not None:
        chosen["proxy"] = params.proxy
    if params.cookies is not None:
        chosen["cookiefile"] = _own_copy(Path(params.cookies))
    if params.cookies_from_browser is not None:
        chosen["cookiesfrombrowser"] = (params.cookies_from_browser,)
    return chosen


def _own_copy(cookies: Path) -> io.StringIO:
    """Return a copy of the cookies in memory: yt-dlp writes them back, and several workers would
    write into one file. On no disk, they cannot be left behind by a kill."""
    return io.StringIO(cookies.read_text(encoding="utf-8"))


def delete_copies_of_cookies() -> None:
    """Delete the copies of cookies that earlier versions left in the temporary folder."""
    for left in Path(tempfile.gettempdir()).glob("spikesound-cookies-*"):
        shutil.rmtree(left, ignore_errors=True)


def is_youtube(location: str) -> bool:
    """Tell whether an address is one of YouTube's."""
    host = urlsplit(location).hostname or ""
    return host == "youtu.be" or host.endswith(("youtube.com", "youtube-nocookie.com"))


def check_session(params: DownloadParams, *, youtube: bool) -> None:
    """Check, before the first request, that requests can be made as the parameters say.

    Raises
    ------
    SpikesoundError
        If cookies, browser, proxy or the sites' arguments cannot be used; for YouTube also if there
        is no JavaScript runtime that yt-dlp can use.
    """
    delete_copies_of_cookies()
    if params.cookies is not None and not Path(params.cookies).is_file():
        raise SpikesoundError(f"download.cookies: {params.cookies}: no such file")
    try:
        with Session(options(params), params.timeout_s) as trial:
            assert trial.cookiejar is not None  # read at its first use
    except Exception as error:  # yt-dlp has no common base for what it says of its options
        reason = " ".join(str(error).split())
        raise SpikesoundError(
            "download: yt-dlp cannot use cookies, cookies_from_browser, proxy or extractor_args:"
            f" {reason}"
        ) from error
    if youtube:
        _check_runtime()


def _check_runtime() -> None:
    runtimes = {name: runtime().info for name, runtime in _RUNTIMES.items()}
    if any(info is not None and info.supported for info in runtimes.values()):
        return
    old = [f"{name} {info.version}, too old" for name, info in runtimes.items() if info is not None]
    raise SpikesoundError(
        "YouTube gives sound only to who runs its JavaScript, and there is no runtime for it"
        f" ({', '.join(old) or 'none of ' + ', '.join(_RUNTIMES)});"
        " pip install 'spikesound[youtube]' brings deno"
    )
