"""Files that are fetched once from the web, checked against their hash, and kept in a cache."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pooch
import requests

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import Meter
from spikesound.params import RemoteFile

T = TypeVar("T")

ATTEMPTS = 4
TIMEOUT_S = 60.0
LONGEST_WAIT_S = 120.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # statuses after which another try may help
_HASH = re.compile(r"md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def is_url(text: str) -> bool:
    """Tell a web address from a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def obtain(file: str | RemoteFile, cache: Path, *, backoff_s: float = 1.0) -> Path:
    """Return the local path of a file, fetching it if it is on the web and not yet in the cache.

    Parameters
    ----------
    file
        A path, taken as it is; or a web address, alone or with the hash that the file must have.
    cache
        Folder for what is fetched. A file lies there under a hash of its address and its base
        name, and only when it is whole and of the right hash.
    backoff_s
        Wait before the second attempt; it doubles with each further one.

    Raises
    ------
    SpikesoundError
        If the file is missing, cannot be fetched, or has another hash.
    """
    if isinstance(file, str):
        file = RemoteFile(url=file, hash=None)
    if file.hash is not None and not _HASH.fullmatch(file.hash):
        raise SpikesoundError(
            f"{file.url}: expected a hash md5:..., sha1:..., sha256:... or sha512:..."
            f" in small hexadecimal digits, got {file.hash!r}"
        )
    if is_url(file.url):
        return _fetch(file.url, file.hash, cache, backoff_s)
    path = Path(file.url)
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    _check(path, file.hash, str(path))
    return path


def again(action: Callable[[], T], what: str, *, backoff_s: float = 1.0) -> T:
    """Return the response of a request over HTTP, with retries where they may help.

    The wait before attempt n+1 is ``backoff_s * 2**(n-1)``, or what the server's Retry-After says.

    Raises
    ------
    SpikesoundError
        If it fails, at once or after the last attempt; the message begins with ``what``.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except requests.RequestException as error:
            wait_s = _wait_s(error, backoff_s * 2 ** (attempt - 1))
            if wait_s is None or attempt == ATTEMPTS:
                tries = f" ({attempt} attempts)" if attempt > 1 else ""
                raise SpikesoundError(f"{what}: {_reason(error)}{tries}") from error
            print(f"{what}: {_reason(error)}; again in {wait_s:.0f} s", file=sys.stderr)
            time.sleep(wait_s)
    raise AssertionError("unreachable")


def _fetch(url: str, hash_: str | None, cache: Path, backoff_s: float) -> Path:
    pooch.get_logger().setLevel("WARNING")  # its four lines are one below
    name = pooch.utils.unique_file_name(url)
    fresh = not (cache / name).is_file()

    def get(target: str) -> None:
        with Meter(name.partition("-")[2], None, "MB") as meter:
            bar = _Megabytes(meter)
            pooch.HTTPDownloader(bar, chunk_size=1 << 16, timeout=TIMEOUT_S)(url, target, None)

    def download(_: str, target: str, __: object) -> None:
        again(partial(get, target), url, backoff_s=backoff_s)
        _check(Path(target), hash_, url)

    web = url.startswith(("http://", "https://"))
    try:
        # pooch writes atomically, so that a kill leaves nothing under the file's name.
        cached = Path(pooch.retrieve(url, hash_, name, cache, downloader=download if web else None))
    except (OSError, ValueError) as error:
        raise SpikesoundError(f"{url}: {' '.join(str(error).split())}") from error
    if fresh and hash_ is None:
        print(f"{url}: fetched; hash: sha256:{pooch.file_hash(str(cached))}", file=sys.stderr)
    return cached


def _check(path: Path, expected: str | None, what: str) -> None:
    if expected is not None:
        kind, _, digits = expected.partition(":")
        digest = pooch.file_hash(str(path), alg=kind)
        if digest != digits:
            raise SpikesoundError(f"{what}: expected hash {expected}, got {kind}:{digest}")


def _wait_s(error: requests.RequestException, backoff_s: float) -> float | None:
    """Return how long to wait before another attempt, or None where none would help."""
    response = error.response
    if response is None:
        passing = (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        )
        return backoff_s if isinstance(error, passing) else None
    if response.status_code not in _PASSING:
        return None
    header = response.headers.get("Retry-After", "")
    return min(float(header), LONGEST_WAIT_S) if header.isdecimal() else backoff_s


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    return f"{type(error).__name__}: {error}"


class _Megabytes:
    """A meter as pooch takes it: its total is set late, and it may be counted past, and again."""

    total = 0

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def update(self, count: int) -> None:
        """Count bytes."""
        self._meter.total = self.total / 1e6 or None
        left = count if self._meter.total is None else self._meter.total - self._meter.done
        self._meter.advance(min(count / 1e6, left))

    def reset(self) -> None:
        """Do nothing: what is counted again is past the total."""

    def close(self) -> None:
        """Do nothing: a download that fails is never closed by pooch, so its caller does it."""
