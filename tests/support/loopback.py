"""An HTTP/1.1 server on 127.0.0.1 with the habits of the web: slow, throttled and faulty.

What it answers is a function's affair (:class:`Request` to :class:`Answer`); how it gets there, in
which pieces, how late and how damaged, is this file's. One thread and one event loop carry all
connections, so that a machine with two cores has them for the clients.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

TICK_S = 0.25  # a throttled body is sent in pieces, one a tick
SETTLE_S = 2.0  # how long the log is waited for
BODY_FAULTS = ("reset", "truncated", "slow")  # the faults that are in the sending


@dataclass(frozen=True)
class Request:
    """A request; ``path`` holds the query too, the names of ``headers`` are in small letters."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What a request is answered with.

    Parameters
    ----------
    status
        Of HTTP. A body that is answered with 200 can be asked for by range.
    body
        Bytes, or the file that holds them.
    headers
        Besides Content-Length, Content-Range, Accept-Ranges and ETag, which the server adds.
    fault
        Written to the log; one of BODY_FAULTS damages the sending: ``reset`` breaks the connection
        off in mid-body (RST), ``truncated`` closes it there in order, and ``slow`` sends a byte
        every ``drip_s``.
    bytes_per_s
        Instead of the server's own limit.
    """

    status: int = 200
    body: bytes | Path = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    bytes_per_s: float | None = None


@dataclass(frozen=True)
class Entry:
    """One line of the log: a request, and what the client got of its answer."""

    t_s: float  # when the request was there, in seconds of the epoch
    seconds: float
    method: str
    host: str
    path: str
    range: str
    fault: str
    status: int
    bytes: int  # of the body, sent; a client that leaves may have had less of them
    complete: bool


def read_log(path: Path) -> list[Entry]:
    """Read the log of a server, which may be another process's, and still be growing."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [Entry(**json.loads(line)) for line in lines]


class Loopback:
    """The server; a context manager that listens between ``with`` and the block's end.

    A client may have the last byte of an answer before the server has noted it: ``entries`` waits
    for the answers under way, :data:`SETTLE_S` at most, and holds those that have ended, however
    they ended.

    Parameters
    ----------
    answer
        Called in the server's thread, so it must not wait.
    bytes_per_s
        Of body, for each connection; None for no limit.
    latency_s
        Passes before each answer.
    drip_s
        Between two bytes of a ``slow`` body.
    log
        A file that each :class:`Entry` is appended to as a line of JSON.
    tls
        If given, the server is a proxy too: it answers a CONNECT for any host of ``hosts`` itself,
        with this context's certificate, and refuses every other.
    hosts
        A pattern for host names.
    """

    def __init__(
        self,
        answer: Callable[[Request], Answer],
        *,
        bytes_per_s: float | None = 200_000.0,
        latency_s: float = 0.3,
        drip_s: float = 5.0,
        log: Path | None = None,
        tls: ssl.SSLContext | None = None,
        hosts: str = r"[^\s\S]",
    ) -> None:
        self._entries: list[Entry] = []
        self.peak = 0  # the most requests that were being answered at one time
        self.url = ""
        self._answer = answer
        self._bytes_per_s = bytes_per_s
        self._latency_s = latency_s
        self._drip_s = drip_s
        self._log = log
        self._tls = tls
        self._hosts = re.compile(hosts)
        self._busy = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def entries(self) -> list[Entry]:
        """The requests whose answers have ended, in the order of their ends."""
        until_s = time.monotonic() + SETTLE_S
        while self._busy and time.monotonic() < until_s:
            time.sleep(0.005)
        return list(self._entries)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # A client that goes away is no error of this server's.
        self._loop.set_exception_handler(lambda *_: None)
        # The end of the loop cancels what is still being sent.
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=512)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._started.set()
        await self._stop.wait()
        server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await self._converse(reader, writer)
            with suppress(OSError):
                writer.close()
                await writer.wait_closed()
        finally:  # at the server's end there is nobody left to say goodbye to
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = ""
        while request := await _read(reader, host):
            began_s = time.time()
            if request.method != "CONNECT":
                if not await self._respond(request, writer, began_s):
                    return
                continue
            host = request.host.rpartition(":")[0]
            known = self._tls is not None and bool(self._hosts.fullmatch(host))
            writer.write(f"HTTP/1.1 {200 if known else 403} CONNECT\r\n\r\n".encode())
            self._note(request, began_s, "", 200 if known else 403, 0, known)
            if self._tls is None or not known:
                return
            await writer.start_tls(self._tls)

    async def _respond(self, request: Request, writer: asyncio.StreamWriter, t_s: float) -> bool:
        """Answer one request; tell whether the connection can take another."""
        self._busy += 1
        self.peak = max(self.peak, self._busy)
        sent, complete, answer = 0, False, Answer(500)
        try:
            await asyncio.sleep(self._latency_s)
            answer = self._answer(request)
            status, first, last, headers = _described(answer, request)
            lines = [f"{name}: {value}" for name, value in headers.items()]
            status_line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
            writer.write("\r\n".join([status_line, *lines, "", ""]).encode("latin-1"))
            answer = Answer(status, answer.body, fault=answer.fault, bytes_per_s=answer.bytes_per_s)
            if request.method != "HEAD":
                async for size in self._send(answer, first, last, writer):
                    sent += size
            await writer.drain()
            complete = request.method == "HEAD" or sent == last - first
            if answer.fault == "reset" and not complete:
                raw: socket.socket = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        finally:
            self._note(request, t_s, answer.fault, answer.status, sent, complete)
            self._busy -= 1
        return complete and request.headers.get("connection", "").lower() != "close"

    async def _send(
        self, answer: Answer, first: int, last: int, writer: asyncio.StreamWriter
    ) -> AsyncIterator[int]:
        """Send the bytes from first to last, or as many as the fault leaves; yield the sizes."""
        rate = answer.bytes_per_s or self._bytes_per_s
        size = last - first if rate is None else max(1, round(rate * TICK_S))
        end = first + (last - first) // 2 if answer.fault in ("reset", "truncated") else last
        began_s, start = time.monotonic(), first
        with _opened(answer.body) as file:
            file.seek(first)
            while start < end:
                if answer.fault == "slow":
                    size = 1
                    await asyncio.sleep(self._drip_s)
                elif rate is not None:  # by the clock, so that lateness does not add up
                    due_s = (start - first + min(size, end - start)) / rate
                    await asyncio.sleep(max(0.0, began_s + due_s - time.monotonic()))
                piece = file.read(min(size, end - start))
                if writer.transport.is_closing():
                    raise ConnectionResetError("the client has gone")
                writer.write(piece)
                await writer.drain()
                start += len(piece)
                yield len(piece)

    def _note(
        self, request: Request, t_s: float, fault: str, status: int, sent: int, complete: bool
    ) -> None:
        asked = request.headers.get("range", "")
        named = (request.method, request.host, request.path, asked)
        entry = Entry(t_s, time.time() - t_s, *named, fault, status, sent, complete)
        self._entries.append(entry)
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry)) + "\n")


async def _read(reader: asyncio.StreamReader, host: str) -> Request | None:
    """Read a request; None at the connection's end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    if method == "CONNECT":
        return Request(method, target, "", headers)
    if target.startswith("http://"):  # as a proxy is asked
        parts = urlsplit(target)
        host, target = parts.netloc, parts._replace(scheme="", netloc="").geturl() or "/"
    return Request(method, host or headers.get("host", ""), target, headers, body)


def _opened(body: bytes | Path) -> IO[bytes]:
    return io.BytesIO(body) if isinstance(body, bytes) else body.open("rb")


def _described(answer: Answer, request: Request) -> tuple[int, int, int, dict[str, str]]:
    """Return the status, the first byte to send and the one after the last, and the headers."""
    if isinstance(answer.body, bytes):
        size, tag = len(answer.body), ""
    else:
        found = answer.body.stat()
        size, tag = found.st_size, f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
    status, first, last, headers = answer.status, 0, size, dict(answer.headers)
    if status == 200:
        headers |= {"Accept-Ranges": "bytes"} | ({"ETag": tag} if tag else {})
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", "").strip())
        same = request.headers.get("if-range", tag) == tag
        if asked and same and any(asked.groups()):
            status, first, last = _span(asked[1], asked[2], size)
            span = f"{first}-{last - 1}" if status == 206 else "*"
            headers["Content-Range"] = f"bytes {span}/{size}"
    headers["Content-Length"] = str(last - first)
    return status, first, last, headers


def _span(first: str, last: str, size: int) -> tuple[int, int, int]:
    """Return the status, and the first byte and the one after the last, of a range that is asked.

    RFC 9110, section 14.1.2: both ends are counted from 0 and are in it; "-5" is the last five.
    """
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    return (206, start, end) if start < end else (416, 0, 0)
