"""A server with a small detector, and a Chromium whose microphone is a recording."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browsing import Opened, chromium

from spikesound.apps.serve.app import Serving
from spikesound.apps.serve.run import Server
from spikesound.models.loading import load


@contextmanager
def running(path: Path, max_bytes: int = 2**24) -> Iterator[tuple[Server, Serving]]:
    """Serve a detector from another thread, at a free port."""
    serving = Serving(load(path), max_bytes)
    server = Server(serving, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server, serving
    server.stop()
    thread.join(10)
    assert not thread.is_alive()


@contextmanager
def browser_with_microphone(recording: Path) -> Iterator[Any]:
    """Start a Chromium whose microphone plays a WAV file once."""
    arguments = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}%noloop",
    ]
    with chromium(arguments) as started:
        yield started


class Tab(Opened):
    """The page of ``spikesound serve``."""

    def __init__(self, browser: Any, url: str, width: int, scheme: str, **more: Any) -> None:
        size = {"width": width, "height": 900}
        super().__init__(browser, url, viewport=size, color_scheme=scheme, **more)
        self.page.locator("canvas").first.wait_for(timeout=10_000)

    def status(self, text: str) -> None:
        """Wait until the page's status has a text."""
        self.page.locator("#status", has_text=text).wait_for(timeout=20_000)


def opened(browser: Any, url: str, width: int = 1440, scheme: str = "light", **more: Any) -> Tab:
    return Tab(browser, url, width, scheme, **more)
