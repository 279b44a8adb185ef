"""How pages of the site are made: formulas, links, docstrings, notebooks."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from project import ROOT, module_of

SITE = ROOT / "docs" / "_site"
maths, links, api, docstrings, notebooks = (
    module_of(SITE / f"{name}.py") for name in ("maths", "links", "api", "docstrings", "notebooks")
)
LESSONS = sorted((ROOT / "docs" / "tutorial").glob("*.ipynb"))


def test_formulas_become_mathml_outside_code() -> None:
    page = maths.with_mathml("Of $x_1$ and `$y$`:\n\n$$ a + b $$\n\n```\n$z$\n```\n5 $ or 6 $\n")
    assert page.count("<math") == 2
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in page
    assert 'display="block"' in page
    for kept in ("`$y$`", "```\n$z$\n```", "5 $ or 6 $"):
        assert kept in page


def test_a_link_out_of_the_docs_stays_within_the_site() -> None:
    page = ROOT / "docs" / "guide" / "detection.md"
    text = "[a](../../params.yaml) [b](../glossary.md#twin) [c](gone.md) [d](https://example.org/x)"
    assert links.rewritten(text, page, ROOT) == text.replace(
        "../../params.yaml", "../repository/params.yaml"
    )
    readme = links.rewritten("[d](docs/guide/use.md) [l](LICENSE)", ROOT / "README.md", ROOT)
    assert readme == "[d](../guide/use.md) [l](LICENSE)"


def test_files_are_followed_through_pages() -> None:
    reached = links.linked_from([ROOT / "docs" / "README.md"], ROOT)
    assert ROOT / "README.md" in reached
    assert ROOT / "CHANGELOG.md" in reached, "by README.md and CONTRIBUTING.md"


def test_a_docstring_is_readable() -> None:
    text = docstrings.readable(
        "Return it; see :func:`spikesound.params.parsed` and :func:`other`.\n\n"
        ".. math:: a = \\beta\n    + b\n\n"
        "Parameters\n----------\nx : first\n    and more\n\n"
        "References\n----------\nA 2001; B 2002.\n"
    )
    assert "[`spikesound.params.parsed`][spikesound.params.base.parsed]" in text
    assert "`other`" in text
    assert text.count("<math") == 1
    assert "x\n    first\n    and more" in text
    assert text.index("A 2001") < text.index("Parameters"), "no section that Griffe cannot read"


def test_each_module_is_on_one_page_of_the_api() -> None:
    package = ROOT / "src" / "spikesound"
    shown = [
        line.removeprefix("::: ")
        for page in api.pages(package).values()
        for line in page.splitlines()
        if line.startswith("::: ")
    ]
    modules = [
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in package.rglob("*.py")
        if not path.stem.startswith("_")
    ]
    packages = [
        ".".join(path.parent.relative_to(package.parent).parts)
        for path in package.rglob("__init__.py")
    ]
    assert sorted(shown) == sorted(modules + packages)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_results(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert notebooks.title(path).startswith(f"{path.stem[0]} ")
    assert path.name in (path.parent / "README.md").read_text(encoding="utf-8")
    first = nbformat.read(LESSONS[0], as_version=4).cells
    assert code[0].source == next(cell.source for cell in first if cell.cell_type == "code")


def test_links_to_lessons_lead_to_their_pages_but_for_the_notebook_of_a_page() -> None:
    page = "[next](6-neuron.ipynb) [The notebook](5-live.ipynb) [list](data.csv)"
    assert notebooks.linked(page, "5-live") == (
        "[next](6-neuron.md) [The notebook](5-live.ipynb) [list](data.csv)"
    )
    assert notebooks.linked(page, "README").count(".md)") == 2


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_links_to_the_next(path: Path) -> None:
    text = nbformat.read(path, as_version=4).cells[-1].source
    following = LESSONS[LESSONS.index(path) + 1 :]
    assert [f"({each.name})" in text for each in following[:1]] == [True] * bool(following)


def test_the_first_cell_installs_where_the_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], check: bool) -> None:
        ran.append(command)
        if command[0] == "git":
            (tmp_path / command[-1]).mkdir()
            (tmp_path / command[-1] / "params.yaml").touch()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    cells = nbformat.read(LESSONS[0], as_version=4).cells
    source = next(cell.source for cell in cells if cell.cell_type == "code")
    names: dict[str, Any] = {}
    exec(source, names)
    assert ran[0] == ["git", "clone", "--depth", "1", names["REPOSITORY"], "spikesound"]
    assert "./spikesound[pipeline]" in ran[1]
    assert Path.cwd() == tmp_path / "spikesound", "where params.yaml and the recordings are"
    # And once more, as after a restart: installed now, in the folder above.
    os.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    exec(source, {})
    assert len(ran) == 2
    assert Path.cwd() == tmp_path / "spikesound"


def test_each_page_is_in_the_navigation() -> None:
    """The strict build says so too, minutes later."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    listed = set(re.findall(r": ([\w/]+\.md)$", navigation, re.MULTILINE))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert listed == pages - {"tutorial/README.md"}, "in mkdocs.yml; the hook adds the tutorial"
