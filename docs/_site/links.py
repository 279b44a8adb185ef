"""Links of pages to files of the repository that lie outside docs/: they are put into the site."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\s+\"[^\"]*\")?(\))")
"""A link or picture of Markdown to a file, not to an address."""

PLACE = "repository"
"""Folder of the site with files from outside docs/."""


def targets(page: Path) -> Iterator[Path]:
    """Yield the files to which a page links."""
    for found in LINK.finditer(page.read_text(encoding="utf-8")):
        yield Path(os.path.normpath(page.parent / found[2]))


def place_of(file: Path, root: Path) -> str:
    """Return where a file of the repository lies in the site, relative to docs/ as its source."""
    docs = root / "docs"
    if file.is_relative_to(docs):
        return file.relative_to(docs).as_posix()
    return f"{PLACE}/{file.relative_to(root).as_posix()}"


def linked_from(pages: list[Path], root: Path) -> list[Path]:
    """Return the files outside docs/ that pages link to, and those that these link to."""
    waiting, reached = list(pages), dict.fromkeys(pages)
    while waiting:
        for target in targets(waiting.pop()):
            if target in reached or not target.is_file() or not target.is_relative_to(root):
                continue
            reached[target] = None
            if target.suffix == ".md":
                waiting.append(target)
    return sorted(file for file in reached if not file.is_relative_to(root / "docs"))


def rewritten(markdown: str, page: Path, root: Path) -> str:
    """Return a page with its links to files as they lie in the site.

    A link to what is no file stays as it is, and fails the strict build.
    """
    here = Path(place_of(page, root)).parent

    def change(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(page.parent / found[2]))
        if not target.is_file() or not target.is_relative_to(root):
            return found[0]
        path = os.path.relpath(place_of(target, root), here)
        return f"{found[1]}{path}{found[3] or ''}{found[4] or ''}{found[5]}"

    return LINK.sub(change, markdown)
