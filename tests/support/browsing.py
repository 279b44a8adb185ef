"""A Chromium for tests, and a page in it with all that it said and asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pytest


def missing(what: str) -> None:
    """Skip, or fail where a browser is required."""
    if os.environ.get("SPIKESOUND_BROWSER") == "required":
        pytest.fail(f"SPIKESOUND_BROWSER=required, but {what}")
    pytest.skip(what)


@contextmanager
def chromium(arguments: Sequence[str] = ()) -> Iterator[Any]:
    """Start the system's Chromium, or the one that playwright fetched."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        missing("playwright is not installed (pip install -e '.[browser]')")
    names = (os.environ.get("SPIKESOUND_CHROMIUM", ""), "chromium", "chromium-browser")
    own = next((found for name in names if name and (found := shutil.which(name))), None)
    # Without its sandbox Chromium also starts for root and in containers; the pages are ours.
    given = ["--no-sandbox", *arguments]
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=own, args=given)
        except Error as error:
            missing(f"no Chromium starts ({error.message.splitlines()[0]})")
        yield started
        started.close()


class Opened:
    """A page with all that it said and asked for."""

    def __init__(self, browser: Any, url: str, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on(
            "console",
            lambda message: (
                self.said.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url, wait_until="load")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)
