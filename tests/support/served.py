"""A server with a small detector, and a Chromium whose microphone is a recording: its page."""

from __future__ import annotations

import re
import subprocess
import sys
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
def program(path: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``spikesound serve`` as a program of its own, which can be killed; yield its address."""
    command = "from spikesound.apps.cli import main; main()"
    arguments = ["serve", "--model", str(path), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        url = next(match[0] for line in lines if (match := re.search(r"http://\S+", line)))
        yield process, url
    finally:
        process.kill()
        process.wait()


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
        self.page.locator("canvas").first.wait_for(timeout=60_000)

    def status(self, text: str) -> None:
        """Wait until the page's status has a text."""
        self.page.locator("#status", has_text=text).wait_for(timeout=60_000)

    def process(self, *paths: Path) -> None:
        """Choose files, and wait until all of them are processed."""
        self.page.set_input_files("#file", paths)
        for path in paths:
            self.sound(path.name, "real-time factor")

    def sound(self, name: str, words: str) -> None:
        """Wait until the list of sounds says something about one."""
        item = self.page.locator("#sounds li", has_text=name).filter(has_text=words)
        item.wait_for(timeout=120_000)
        self.drawn()

    def drawn(self) -> None:
        """Wait until all that the page knows by now is drawn."""
        self.run(
            "new Promise(done => setTimeout(() => requestAnimationFrame(() => "
            "requestAnimationFrame(done)), 150))"  # the table is drawn ten times a second
        )

    def kept(self) -> None:
        """Wait until the browser has kept all that it was given by now."""
        self.run(
            "new Promise(done => { indexedDB.open('spikesound').onsuccess = ({ target }) => {"
            "const after = target.result.transaction(['sounds', 'events', 'audio']);"
            "after.oncomplete = () => { target.result.close(); done(); };"
            "after.objectStore('sounds').count(); }; })"
        )

    def until(self, script: str) -> None:
        """Wait until a script says so; playwright's own waiting breaks the page's policy."""
        for _ in range(600):
            if self.run(script):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"waited in vain for {script}")

    @property
    def rows(self) -> list[list[str]]:
        """Label, note, sound, start, end and score of each row of the table."""
        rows: list[list[str]] = self.run(
            """[...document.querySelectorAll('#events tr[data-event]')].map(row =>
              [...row.querySelectorAll('.label, .note, td')].map(cell => cell.textContent))"""
        )
        return [[label, note, *cells[:4]] for label, note, *cells in rows]

    @property
    def known(self) -> list[list[str]]:
        """Label, start, end and score of each row of a known class."""
        return [[row[0], *row[3:]] for row in self.rows if row[0] != "unknown"]

    def correct(self, label: str, number: int = 0) -> None:
        """Open the editor under a row."""
        self.page.get_by_role("button", name=f"Correct {label}").nth(number).click()

    def save(self, which: str = "all", format: str = "csv") -> tuple[str, bytes]:
        """Save labels; return the file's name and what is in it."""
        self.page.select_option("#which", which)
        self.page.select_option("#format", format)
        with self.page.expect_download() as fetched:
            self.page.click("#download")
        return fetched.value.suggested_filename, Path(fetched.value.path()).read_bytes()


def opened(browser: Any, url: str, width: int = 1440, scheme: str = "light", **more: Any) -> Tab:
    return Tab(browser, url, width, scheme, **more)


def quiet(tab: Tab, url: str) -> None:
    """Check that the page logged no error and sent requests to its own server only."""
    assert tab.said == []
    host = url.split("/")[2]
    assert tab.asked
    assert {url.split("/")[2] for url in tab.asked if not url.startswith("blob:")} == {host}
    assert [url for url in tab.asked if url.startswith("blob:") and host not in url] == []
