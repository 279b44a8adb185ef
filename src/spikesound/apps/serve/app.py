"""The server: a page, and a stream for each tab that listens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from spikesound.apps.annotations import FORMATS
from spikesound.apps.serve.audio import of_file, of_socket, store
from spikesound.apps.serve.guard import Guard
from spikesound.apps.serve.labels import labelled, read_body, write
from spikesound.apps.serve.messages import about
from spikesound.core.errors import SpikesoundError, choose
from spikesound.models.loading import TrainedModel

STREAMS = 8
"""Files and microphones that are processed at once, in all tabs together."""

_PAGE = files("spikesound.apps.serve").joinpath("page")
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


@dataclass
class Serving:
    """A detector that is served.

    Attributes
    ----------
    trained : the detector
    max_bytes : of a file
    streams : files and microphones that are processed now
    """

    trained: TrainedModel
    max_bytes: int
    streams: int = field(default=0, init=False)

    async def file(self, request: Request) -> ASGIApp:
        """Process the file in the body, and answer with lines of JSON as they are computed."""
        name = request.query_params.get("name", "the file")[:200]

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            with tempfile.TemporaryDirectory(prefix="spikesound-") as folder, self._one_more():
                path = Path(folder) / "sound"
                await store(request, path, self.max_bytes)
                async with aclosing(of_file(self.trained, path, name)) as lines:
                    response = StreamingResponse(lines, media_type="application/x-ndjson")
                    await response(scope, receive, send)

        return _with_errors(answer)

    async def sound(self, socket: WebSocket) -> None:
        """Process the samples of a microphone."""
        await socket.accept()
        try:
            with self._one_more():
                await of_socket(self.trained, socket)
        except SpikesoundError as error:
            await socket.send_json({"error": str(error)})
            await socket.close(1008)
        except WebSocketDisconnect:
            pass

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        if self.streams >= STREAMS:
            raise SpikesoundError(
                f"{STREAMS} files and microphones are being processed; stop one of them first"
            )
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    async def model(self, request: Request) -> Response:
        """Describe the model."""
        return JSONResponse(about(self.trained, FORMATS))

    async def labels(self, request: Request) -> Response:
        """Answer with the labels of the body in a format."""
        name = request.path_params["name"]
        try:
            format = choose(FORMATS, name, "format")
            sounds = labelled(await read_body(request), self.trained)
            content, suffix = await run_in_threadpool(write, sounds, format)
        except SpikesoundError as error:
            return JSONResponse({"error": str(error)}, 400)
        return Response(
            content, media_type="application/octet-stream", headers={"x-suffix": suffix}
        )


def make_app(serving: Serving, hosts: list[str]) -> ASGIApp:
    """Return the server's application, which answers to these hosts only."""
    app = Starlette(
        routes=[
            *(Route(path, _page) for path in _paths()),
            Route("/model", serving.model),
            Route("/file", serving.file, methods=["POST"]),
            Route("/labels/{name}", serving.labels, methods=["POST"]),
            WebSocketRoute("/sound", serving.sound),
        ]
    )
    return Guard(app, hosts)


def _paths() -> dict[str, str]:
    """Return the file of the page at each path."""
    names = [each.name for each in _PAGE.iterdir() if Path(each.name).suffix in _KINDS]
    return {f"/{name}": name for name in names} | {"/": "page.html"}


async def _page(request: Request) -> Response:
    name = _paths()[request.url.path]
    text = _PAGE.joinpath(name).read_text(encoding="utf-8")
    return PlainTextResponse(text, media_type=_KINDS[Path(name).suffix])


def _with_errors(answer: ASGIApp) -> ASGIApp:
    """Answer an error in the input as JSON; a page that was closed gets no answer."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await answer(scope, receive, send)
        except SpikesoundError as error:
            await JSONResponse({"error": str(error)}, 400)(scope, receive, send)
        except ClientDisconnect:
            pass

    return answering
