"""Sound sent to the server: a file as a whole, a microphone in chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.websockets import WebSocket

from spikesound.apps.live.sound_file import SoundFile
from spikesound.apps.live.traced import TracedStream
from spikesound.apps.serve.levels import Levels
from spikesound.apps.serve.messages import describe
from spikesound.audio.samples import within_full_scale
from spikesound.core.errors import SpikesoundError
from spikesound.models.loading import TrainedModel

RATES_HZ = (8_000, 384_000)
"""The lowest and the highest sampling rate of a microphone."""


async def store(request: Request, path: Path, limit: int) -> None:
    """Write a request's body into a file.

    A body that is too long is read to its end, and not kept: a browser reads no answer before it
    has sent all.

    Raises
    ------
    SpikesoundError
        If it is longer than ``limit`` bytes.
    ClientDisconnect
        If the page was closed meanwhile.
    """
    size = 0
    with path.open("wb") as file:
        async for piece in request.stream():
            size += len(piece)
            if size <= limit:
                await run_in_threadpool(file.write, piece)
    if size > limit:
        raise SpikesoundError(f"the file is larger than {limit // 2**20} MiB (--max-mb)")


async def of_file(model: TrainedModel, path: Path, name: str) -> AsyncGenerator[str, None]:
    """Yield the results for a file, one line of JSON at a time; an error is the last line.

    A line is computed when the one before is on its way, so that a page that reads slowly is not
    computed for in advance.
    """
    lines = _lines(model, path, name)
    try:
        while line := await run_in_threadpool(next, lines, ""):
            yield line
    finally:
        lines.close()


def _lines(model: TrainedModel, path: Path, name: str) -> Generator[str, None, None]:
    source = SoundFile(path, model.front_end.rate_hz, name)
    stream = TracedStream(model, source.rate_hz, membranes=True)
    levels = Levels(model.front_end.hop_s, source.rate_hz)
    try:
        for block in source.blocks():
            message = describe(stream.feed(block), stream.thresholds, levels.feed(block))
            yield _line({**message, "rate_hz": source.own_hz})
    except SpikesoundError as error:
        yield _line({"error": str(error)})
        return
    yield _last(stream)


async def of_socket(model: TrainedModel, socket: WebSocket) -> None:
    """Process the samples that a page sends, and answer each message before the next is read.

    The page first sends ``{"rate_hz": ...}``, then float32 samples (little-endian, mono) in binary
    messages, and in the end the text ``end``. What waits is bounded by the socket's own buffers: a
    page that sends faster than is computed is read more slowly.

    Raises
    ------
    SpikesoundError
        If the page sends anything else.
    WebSocketDisconnect
        If it is closed.
    """
    rate_hz = _rate(await socket.receive_text())
    stream = await run_in_threadpool(TracedStream, model, rate_hz, membranes=True)
    levels = Levels(model.front_end.hop_s, rate_hz)
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("bytes") is None:
            await socket.send_text(await run_in_threadpool(_last, stream))
            await socket.close()
            return
        samples = _samples(message["bytes"])
        chunk = await run_in_threadpool(stream.feed, samples)
        await socket.send_text(_line(describe(chunk, stream.thresholds, levels.feed(samples))))


def _rate(text: str) -> int:
    try:
        rate_hz = json.loads(text)["rate_hz"]
    except (ValueError, TypeError, KeyError, RecursionError):
        rate_hz = None
    lowest, highest = RATES_HZ
    if not isinstance(rate_hz, int) or not lowest <= rate_hz <= highest:
        raise SpikesoundError(f"sampling rate: expected {lowest} to {highest} Hz from the page")
    return rate_hz


def _samples(content: bytes) -> np.ndarray:
    samples = np.frombuffer(content, "<f4") if len(content) % 4 == 0 else None
    if samples is None or not np.isfinite(samples).all():
        raise SpikesoundError("expected finite float32 samples from the page")
    return within_full_scale(samples.astype(np.float32), "the microphone")


def _last(stream: TracedStream) -> str:
    last = describe(stream.finish(), stream.thresholds, [])
    return _line({**last, "sound_s": stream.sound_s, "busy_s": stream.busy_s})


def _line(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False) + "\n"
