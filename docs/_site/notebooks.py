"""Notebooks of the tutorial: run, and rendered as pages with their pictures and players."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

LIMIT_S = 600
"""Longest time for a cell."""
INLINE = "module://matplotlib_inline.backend_inline"
"""Matplotlib's backend for notebooks, whatever MPLBACKEND the caller has: another shows nothing."""


def title(path: Path) -> str:
    """Return the heading of a notebook."""
    first = nbformat.read(path, as_version=4).cells[0].source
    return str(first.split("\n")[0].removeprefix("# "))


def source(path: Path) -> str:
    """Return the source path of a notebook's page."""
    return f"tutorial/{path.stem}.md"


def executed(path: Path, root: Path, cache: Path) -> Any:
    """Return a notebook with its outputs, run in the root of the repository.

    What was run with the same library is read from the cache.

    Raises
    ------
    CellExecutionError
        If a cell fails.
    """
    digest = hashlib.sha256(path.read_bytes())
    for file in [*sorted((root / "src").rglob("*.py")), root / "params.yaml"]:
        digest.update(file.read_bytes())
    kept = cache / f"{path.stem}-{digest.hexdigest()[:16]}.ipynb"
    if kept.is_file():
        return nbformat.read(kept, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as sockets:  # else they lie in the working directory
        connection = {"transport": "ipc", "ip": f"{sockets}/kernel"}
        NotebookClient(
            notebook,
            kernel_name="python3",
            config=Config({"AsyncKernelManager": connection}),
            timeout=LIMIT_S,
            coalesce_streams=True,
            resources={"metadata": {"path": str(root)}},
        ).execute(env={**os.environ, "MPLBACKEND": INLINE})
    cache.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, kept)
    return notebook


def rendered(notebook: Any, stem: str) -> dict[str, str | bytes]:
    """Return the page of a notebook and its pictures, by name.

    Parameters
    ----------
    stem : of their names
    """
    files: dict[str, str | bytes] = {}
    parts: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            name = f"-{len(files) + 1}.png"
            parts.append(_shown(output, stem + name, cell.metadata.get("alt", ""), files))
    own = f"[The notebook]({stem}.ipynb), to run it and to change it."
    return {f"{stem}.md": "\n\n".join(part for part in [*parts, own] if part) + "\n", **files}


def linked(markdown: str, stem: str) -> str:
    """Return a page of the tutorial with its links to notebooks as links to their pages.

    Parameters
    ----------
    stem : of the page; the link to its own notebook stays
    """
    lesson = re.compile(rf"\]\((?!{re.escape(stem)}\.)([\w-]+)\.ipynb\)")
    return lesson.sub(r"](\1.md)", markdown)


def _shown(output: Any, name: str, alt: str, files: dict[str, str | bytes]) -> str:
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```" if output.name == "stdout" else ""
    data = output.get("data", {})
    if "image/png" in data:
        files[name] = base64.b64decode(data["image/png"])
        return f"![{alt}]({name})"
    if data.get("text/html", "").startswith("<pre"):  # of rich: a line of progress
        return ""
    if "text/html" in data:  # a blank line would end a block of HTML in Markdown
        html = re.sub(r"\n\s*", "\n", data["text/html"]).strip()
        return f'<div class="output">{html}</div>'
    return f"```text\n{data.get('text/plain', '')}\n```"
