"""The documentation as a site: it builds, its links hold, and it asks the network for nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from browsing import chromium
from project import ROOT, module_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

notebooks = module_of(ROOT / "docs" / "_site" / "notebooks.py")
LESSONS = sorted((ROOT / "docs" / "tutorial").glob("*.ipynb"))
SHOWN = {
    "1": (3, 3, 1),
    "2": (3, 1, 2),
    "3": (1, 0, 4),
    "4": (0, 1, 3),
    "5": (5, 1, 6),
    "6": (1, 0, 2),
    "7": (3, 1, 5),
}
"""Pictures, players and tables that a notebook shows at least."""


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem)
def lesson(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """A notebook, run now or, with the same library, before."""
    path: Path = request.param
    return path.stem, notebooks.executed(path, ROOT, ROOT / "build" / "notebooks")


def test_a_notebook_runs_and_shows_what_it_says(lesson: tuple[str, Any]) -> None:
    stem, notebook = lesson
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    page = notebooks.rendered(notebook, stem)[f"{stem}.md"]
    pictures = re.findall(r"!\[(.*)\]\(", page)
    shown = (len(pictures), page.count("<audio"), page.count("<table"))
    assert all(has >= least for has, least in zip(shown, SHOWN[stem[0]], strict=True)), shown
    assert all(len(alt) > 40 for alt in pictures), "a picture is described"
    assert "Traceback" not in page
    nbformat.validate(notebook)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a broken link of a page or docstring fails."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr[-3000:]
    return out


class Page(HTMLParser):
    """Anchors of a page, what it links to, and what it loads."""

    LOADS = ("script", "img", "iframe", "audio", "source", "video", "embed")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(values["href"])
        if tag in self.LOADS and "src" in values:
            self.loads.append(values["src"])


def test_links_and_anchors_hold(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 80
    broken = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            there = target.is_file()
            if there and anchor and target in pages:
                there = anchor in pages[target].anchors or anchor == "__toc"
            if not there:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        elsewhere = [each for each in Page(path).loads if re.match(r"(https?:)?//", each)]
        assert elsewhere == [], path.name
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text), path.name


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


def test_no_page_asks_the_network(site: Path, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html":  # of servers; its paths begin at their root
            continue
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path.as_uri(), wait_until="load")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path.name} is {wide} px wide"
        lost = page.evaluate("[...document.images].filter(each => !each.naturalWidth).length")
        assert lost == 0, path.name
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []


def test_search_finds_a_term_without_a_server(site: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.click("input[name=query]")
    page.keyboard.type("surrogate", delay=20)
    hit = page.locator(".md-search-result__item a[href*='surrogate']").first
    hit.wait_for(timeout=20_000)
    assert "surrogate" in (hit.get_attribute("href") or "")
    page.close()
