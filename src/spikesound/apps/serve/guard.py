"""Answers only the page that this server itself gave out.

Any page in a browser can send requests to a port of the same computer, and by a name that it lets
resolve to 127.0.0.1 it could even read the answers (DNS rebinding). Such requests name another host
(``Host``) or another page (``Origin``), and are refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self)",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Refuses requests to other hosts or from other pages, and adds headers to every answer.

    Parameters
    ----------
    app : what is guarded
    hosts : what may stand in ``Host``, with the port
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = {host.casefold() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self.allows(Headers(scope=scope)):
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse("this server answers its own page only", 403)(
                scope, receive, send
            )

    def allows(self, headers: Headers) -> bool:
        """Whether the host is this one, and the page, where one is named, of this host.

        Every browser names the page that opens a WebSocket or posts; a program need not.
        """
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        return (
            len(hosts) == 1
            and hosts[0].casefold() in self._hosts
            and all(origin.casefold() == f"http://{hosts[0].casefold()}" for origin in origins)
        )


def hosts(address: str, port: int) -> list[str]:
    """Return the values of ``Host`` that a server at an address allows: it, and loopback names."""
    named = f"[{address}]" if ":" in address else address
    names = [*dict.fromkeys([named, *LOOPBACK])]
    return [f"{name}:{port}" for name in names] + (names if port == 80 else [])


def _with_headers(send: Send) -> Send:
    added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return sending
