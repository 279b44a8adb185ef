"""The server, started and stopped."""

from __future__ import annotations

import ipaddress
import socket

import uvicorn

from spikesound.apps.serve.app import Serving, make_app
from spikesound.apps.serve.guard import hosts
from spikesound.core.errors import SpikesoundError

_MESSAGE_BYTES = 2**20  # of a WebSocket: five seconds of samples at 48 kHz


class Server:
    """A server at an address that is taken from the start.

    Parameters
    ----------
    serving : what is served
    address, port : where; port 0 takes a free one

    Raises
    ------
    SpikesoundError
        If the address cannot be used, or stands for all addresses of the computer.
    """

    def __init__(self, serving: Serving, address: str, port: int) -> None:
        self._socket = _bound(address, port)
        allowed = hosts(address, self._socket.getsockname()[1])
        self.url = f"http://{allowed[0]}/"
        """The page's address, which can be opened as soon as the server runs."""
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_app(serving, allowed),
                log_level="warning",
                ws_max_size=_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # else a little that is read can be a lot that waits
                timeout_graceful_shutdown=2,
                lifespan="off",
                server_header=False,
            )
        )

    def run(self) -> None:
        """Serve until Ctrl-C, or until :meth:`stop` is called by another thread."""
        with self._socket:
            self._server.run([self._socket])

    def stop(self) -> None:
        """Stop serving, within some seconds."""
        self._server.should_exit = True


def _bound(address: str, port: int) -> socket.socket:
    every = SpikesoundError(
        f"--host: expected the address of one interface, got {address!r}, which means every address"
    )
    if not address:
        raise every
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.create_server((address, port), family=family)
    except OSError as error:
        raise SpikesoundError(
            f"cannot serve at {address}, port {port}: {error.strerror}; --port 0 takes a free one"
        ) from error
    # By the socket, since 0, 0.0 and 0x0 are other names of 0.0.0.0.
    if ipaddress.ip_address(made.getsockname()[0]).is_unspecified:
        made.close()
        raise every
    return made
