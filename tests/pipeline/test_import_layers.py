"""Imports point one way, and only stages know fixed paths, params.yaml and sys.argv."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import ROOT, SRC, direct_imports

PACKAGE = SRC / "spikesound"

LAYERS = (
    "core",
    "params",
    "audio",
    "data",
    "snn",
    "features",
    "models",
    "tasks",
    "training",
    "costs",
    "inference",
    "evaluation",
    "experiments",
    "report",
    "apps",
)
"""Each imports from those before it alone; ``spikesound`` itself offers what any of them has."""

WORKSPACE = PACKAGE / "apps/cli/workspace.py"
"""Default paths of the command line: the one exception."""

FOLDERS = ("data", "metrics", "detection", "stages", "docs", "benchmarks")
FIXED = re.compile(rf"({'|'.join(FOLDERS)})/|(.*/)?(params\.yaml|dvc\.(yaml|lock)|report\.html)$")

FILES = sorted(PACKAGE.rglob("*.py"))


def layer(path: Path) -> int:
    return LAYERS.index(path.relative_to(PACKAGE).parts[0])


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_every_package_has_its_layer() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if any(path.glob("**/*.py"))}
    assert packages == set(LAYERS)
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose <= {"__init__.py", "__main__.py"}


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    if path.parent == PACKAGE:
        return
    others = [other for other in direct_imports(path) if other.parent != PACKAGE]
    upwards = [name_of(other) for other in others if layer(other) > layer(path)]
    assert upwards == []


def fixed_paths(tree: ast.Module) -> Iterator[str]:
    """What a module says of the project's own files, and its reads of ``sys.argv``.

    Of texts, any that begins with one of the project's folders or ends with one of its files, but
    for docstrings. The folders' bare names are words, too, and count where they stand as a path:
    beside ``/``, within ``Path(...)``, or as the default of a parameter.
    """
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    paths: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            paths |= {id(node.left), id(node.right)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            paths |= {id(each) for each in node.args} if node.func.id == "Path" else set()
        elif isinstance(node, ast.arguments):
            paths |= {id(each) for each in (*node.defaults, *node.kw_defaults)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            bare = id(node) in paths and node.value in FOLDERS
            if id(node) not in docstrings and (bare or FIXED.match(node.value)):
                yield f"line {node.lineno}: {node.value!r}"
        elif isinstance(node, ast.Attribute) and node.attr == "argv":
            yield f"line {node.lineno}: argv"
        elif isinstance(node, ast.ImportFrom) and node.module == "sys":
            yield from (f"line {node.lineno}: argv" for name in node.names if name.name == "argv")


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_library_knows_no_fixed_paths(path: Path) -> None:
    found = list(fixed_paths(ast.parse(path.read_text(encoding="utf-8"))))
    if path == WORKSPACE:
        assert len(found) >= 5, "the exception has the defaults, and the search finds them"
    else:
        assert found == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ('folder = "data/models"', 1),
        ('def f(folder: str = "metrics") -> None: ...', 1),
        ('def f(*, folder: str = "metrics") -> None: ...', 1),
        ('path = root / "detection" / name', 1),
        ('path = Path("data")', 1),
        ('path = f"data/{name}.csv"', 1),
        ('FOLDERS = ("data/detection/models", "data/models")', 2),
        ('text = open("params.yaml").read()', 1),
        ('text = (root / "dvc.lock").read_text()', 1),
        ("name = sys.argv[1]", 1),
        ("from sys import argv", 1),
        ('"""Read data/models by params.yaml."""', 0),
        ('kind = {"data": 1, "detection": 2}["data"]', 0),
        ('note = "run it again with other parameters (params.yaml: encoding)"', 0),
        ('Path("metadata/x.csv")', 0),
    ],
)
def test_a_fixed_path_is_seen_however_it_is_written(line: str, count: int) -> None:
    assert len(list(fixed_paths(ast.parse(line)))) == count


def test_stages_are_thin() -> None:
    stages = sorted((ROOT / "stages").glob("*.py"))
    assert stages
    for path in stages:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path.name
