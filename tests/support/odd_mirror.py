"""A mirror of recordings with the faults of servers that were not made with care, one each.

Beside :mod:`mirror`, whose faults are those of a network: here answers are of the wrong status,
range, length or version. Plain sockets, since a good HTTP library would not send most of them.
"""

from __future__ import annotations

import gzip
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

Headers = dict[str, str]


@dataclass(frozen=True)
class Asked:
    """A request: how often this was asked for before, from which byte, of which version."""

    before: int
    start: int | None
    version: str
    whole: bytes
    other: bytes  # another recording


@dataclass(frozen=True)
class Reply:
    """An answer as it goes over the line; the connection ends after it."""

    status: int = 200
    body: bytes = b""
    headers: Headers | None = None
    length: int | None = -1  # what Content-Length says; -1 the truth, None nothing
    chunked: bool = False
    ended: bool = True  # whether a chunked body has its last chunk


def whole(asked: Asked, version: str = '"b"') -> Reply:
    """Return what a good server answers."""
    headers = {"ETag": version}
    if asked.start is not None and asked.version in ("", version):
        total = len(asked.whole)
        if asked.start >= total:
            return Reply(416, headers={"Content-Range": f"bytes */{total}"})
        stated = headers | {"Content-Range": f"bytes {asked.start}-{total - 1}/{total}"}
        return Reply(206, asked.whole[asked.start :], stated)
    return Reply(body=asked.whole, headers=headers)


def half(asked: Asked) -> Reply:
    """Return the first half of the right recording, and then nothing."""
    return Reply(body=asked.whole[: len(asked.whole) // 2], length=len(asked.whole))


def other_half(asked: Asked) -> Reply:
    """Return the first half of what lay there before."""
    body = asked.other[: len(asked.other) // 2]
    return Reply(body=body, headers={"ETag": '"a"'}, length=len(asked.other))


def once(first: Callable[[Asked], Reply], then: Callable[[Asked], Reply] = whole) -> Fault:
    return lambda asked: first(asked) if asked.before == 0 else then(asked)


def status(code: int, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Reply(code, b"<html>Sorry</html>", named)


def packed(asked: Asked) -> Reply:
    return Reply(body=gzip.compress(asked.whole), headers={"Content-Encoding": "gzip"})


def packed_half(asked: Asked) -> Reply:
    body = gzip.compress(asked.whole)
    return Reply(body=body[: len(body) // 2], headers={"Content-Encoding": "gzip"}, length=None)


def late(asked: Asked) -> Reply:
    time.sleep(0.4)
    return whole(asked)


def _ranged(status: int, start: int, stated: bool) -> Callable[[Asked], Reply]:
    """Answer a request for the rest with another stretch."""

    def reply(asked: Asked) -> Reply:
        if asked.start is None:
            return whole(asked)
        total = len(asked.whole)
        headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"} if stated else {}
        return Reply(status, asked.whole[start:], headers)

    return reply


Fault = Callable[[Asked], Reply | bytes]
"""Returns the answer, or the bytes that go over the line as they are."""

PASSING: Mapping[str, Fault] = {
    **{str(code): once(status(code)) for code in (400, 407, 409, 412, 499, 500, 502, 504, 520)},
    "503": once(status(503, Retry_After="0")),
    "hang up": once(lambda _: b""),
    "nonsense": once(lambda _: b"SSH-2.0-OpenSSH_9.6\r\n"),
    "headers broken off": once(lambda _: b"HTTP/1.1 200 OK\r\nContent-Le"),
    "chunked": lambda asked: Reply(body=asked.whole, chunked=True),
    "chunks broken off": once(
        lambda asked: Reply(body=asked.whole[: len(asked.whole) // 2], chunked=True, ended=False)
    ),
    "no length": lambda asked: Reply(body=asked.whole, length=None),
    "no length, broken off": once(
        lambda asked: Reply(body=asked.whole[: len(asked.whole) // 2], length=None)
    ),
    "packed": packed,
    "packed, broken off": once(packed_half),
    "empty": once(lambda _: Reply(204, length=None)),
    "late": late,
    "no ranges": once(half, lambda asked: Reply(body=asked.whole)),
    "206 unasked": once(lambda asked: Reply(206, asked.whole[: len(asked.whole) // 2])),
    "another range": once(half, _ranged(206, 3000, stated=True)),
    "no range stated": once(half, _ranged(206, 3000, stated=False)),
    "replaced": once(other_half),
    "replaced, If-Range ignored": once(
        other_half, lambda asked: whole(Asked(**{**vars(asked), "version": ""}))
    ),
    "replaced by a shorter one": once(
        lambda asked: Reply(
            body=asked.whole + bytes(40), headers={"ETag": '"a"'}, length=len(asked.whole) + 99
        )
    ),
}
"""Faults after which the recording can be had whole."""

LASTING: Mapping[str, tuple[Fault, str]] = {
    "401": (status(401), "sign_in"),
    "403": (status(403), "unavailable"),
    "404": (status(404), "removed"),
    "410": (status(410), "removed"),
    "451": (status(451), "region_restricted"),
    "always 500": (status(500), "failed"),
    "always 400": (status(400), "failed"),
    "length too great": (
        lambda asked: Reply(body=asked.whole, length=len(asked.whole) + 5000),
        "failed",
    ),
    "a page": (lambda _: Reply(body=b"<!doctype html>Private video"), "failed"),
    "always broken off": (
        lambda asked: Reply(body=asked.whole[: len(asked.whole) // 2], length=None),
        "failed",
    ),
}
"""Faults that last, and the state of the clips then."""

FAULTS: Mapping[str, Fault] = {**PASSING, **{name: fault for name, (fault, _) in LASTING.items()}}


class OddMirror:
    """The server, on 127.0.0.1; a context manager.

    Parameters
    ----------
    recordings
        The bytes of each by its name.
    faults
        The fault of each by its name, one of FAULTS; any other is served well.
    """

    def __init__(self, recordings: Mapping[str, bytes], faults: Mapping[str, str]) -> None:
        self.asked: Counter[str] = Counter()
        mirror = self
        names = list(recordings)
        other = dict(zip(names, [*names[1:], names[0]], strict=True))

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                first, headers = _read(self.rfile.readline)
                if not first:
                    return
                name = first.split()[1].removeprefix("/").removesuffix(".ogg")
                start = headers.get("range", "").removeprefix("bytes=").partition("-")[0]
                with mirror._lock:
                    before = mirror.asked[name]
                    mirror.asked[name] += 1
                asked = Asked(
                    before,
                    int(start) if start else None,
                    headers.get("if-range", ""),
                    recordings[name],
                    recordings[other[name]],
                )
                reply = FAULTS.get(faults.get(name, ""), whole)(asked)
                self.wfile.write(reply if isinstance(reply, bytes) else _written(reply))

        self._lock = threading.Lock()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _read(line: Callable[[], bytes]) -> tuple[str, Headers]:
    first = line().decode("latin-1")
    headers: Headers = {}
    while (text := line().decode("latin-1").strip()) != "":
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return first, headers


def _written(reply: Reply) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Odd"
    headers = {"Connection": "close", "Content-Type": "audio/ogg", **(reply.headers or {})}
    body = reply.body
    if reply.chunked:
        headers["Transfer-Encoding"] = "chunked"
        size = 4000
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        body += b"0\r\n\r\n" if reply.ended else b"fa0\r\nhalf of a chunk"
    elif reply.length is not None:
        headers["Content-Length"] = str(len(body) if reply.length < 0 else reply.length)
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
