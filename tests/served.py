"""A server with a small detector, and a Chromium whose microphone is a recording."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spikesound import trained
from spikesound.serve.app import Serving
from spikesound.serve.run import Server


def missing(what: str) -> None:
    """Skip, or fail where a browser is required."""
    if os.environ.get("SPIKESOUND_BROWSER") == "required":
        pytest.fail(f"SPIKESOUND_BROWSER=required, but {what}")
    pytest.skip(what)


@contextmanager
def running(path: Path, max_bytes: int = 2**24) -> Iterator[tuple[Server, Serving]]:
    """Serve a detector from another thread, at a free port."""
    loaded = trained.load(path)
    assert isinstance(loaded, trained.Detecting)
    serving = Serving(loaded.spec, loaded.network, max_bytes)
    server = Server(serving, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server, serving
    server.stop()
    thread.join(10)
    assert not thread.is_alive()


@contextmanager
def hearing_browser(recording: Path) -> Iterator[Any]:
    """Start a Chromium whose microphone plays a WAV file once."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        missing("playwright is not installed (pip install -e '.[browser]')")
    names = (os.environ.get("SPIKESOUND_CHROMIUM", ""), "chromium", "chromium-browser")
    own = next((found for name in names if name and (found := shutil.which(name))), None)
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}%noloop",
    ]
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=own, args=arguments)
        except Error as error:
            missing(f"no Chromium starts ({error.message.splitlines()[0]})")
        yield started
        started.close()


class Tab:
    """A page with all that it said and asked for."""

    def __init__(self, browser: Any, url: str, width: int, scheme: str, **more: Any) -> None:
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme, **more)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on(
            "console",
            lambda told: self.said.append(told.text) if told.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url, wait_until="load")
        self.page.locator("canvas").first.wait_for(timeout=10_000)

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)

    def status(self, text: str) -> None:
        """Wait until the page's status has a text."""
        self.page.locator("#status", has_text=text).wait_for(timeout=20_000)


def opened(browser: Any, url: str, width: int = 1440, scheme: str = "light", **more: Any) -> Tab:
    return Tab(browser, url, width, scheme, **more)
