"""What MkDocs calls while it builds the site: pages that are made, links and formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import api
import links
import maths
import notebooks
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "spikesound"
TUTORIAL = ROOT / "docs" / "tutorial"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the tutorial and the API to the navigation."""
    lessons: list[Any] = [
        {notebooks.title(path): notebooks.source(path)} for path in sorted(TUTORIAL.glob("*.ipynb"))
    ]
    assert config.nav is not None
    config.nav = [
        config.nav[0],
        {"Tutorial": ["tutorial/README.md", *lessons]},
        *config.nav[1:],
        {"API": api.navigation(PACKAGE)},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the API, the notebooks as pages, and files that pages link to."""
    for path, text in api.pages(PACKAGE).items():
        files.append(File.generated(config, path, content=text))
    cache = ROOT / "build" / "notebooks"
    for notebook in sorted(TUTORIAL.glob("*.ipynb")):
        run = notebooks.executed(notebook, ROOT, cache)
        for name, content in notebooks.rendered(run, notebook.stem).items():
            files.append(File.generated(config, f"tutorial/{name}", content=content))
    pages = sorted((ROOT / "docs").rglob("*.md"))
    for outside in links.linked_from(pages, ROOT):
        place = links.place_of(outside, ROOT)
        files.append(File.generated(config, place, abs_src_path=str(outside)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **kwargs: Any) -> str:
    """Rewrite links to files outside docs/ and to notebooks, and formulas."""
    path = page.file.src_uri
    if path.startswith("api/"):
        return markdown
    if path.startswith("tutorial/"):
        markdown = notebooks.linked(markdown, Path(path).stem)
    base = ROOT if path.startswith(f"{links.PLACE}/") else ROOT / "docs"
    there = base / path.removeprefix(f"{links.PLACE}/")
    return maths.with_mathml(links.rewritten(markdown, there, ROOT))
