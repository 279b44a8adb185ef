"""Imports point one way, and only stages know fixed paths, params.yaml and sys.argv."""

from __future__ import annotations

import re

import pytest
from project import ROOT, SRC, direct_imports

PACKAGE = SRC / "spikesound"

LAYERS = [
    {"errors", "seeds", "progress", "bits", "jsonfile", "aside", "__init__"},
    {"params", "schema", "labels", "kernels", "safe_file"},
    {"data", "encoding", "neurons", "decoding", "quantise"},
    {
        "frontend",
        "spec_checks",
        "hearing",
        "sound_input",
        "sound_files",
        "sound_samples",
        "sound_checks",
    },
    {"hearing_file", "networks", "spike_shards", "events"},
    {"classifier_file", "training", "costs"},
    {"evaluation", "robustness"},
    {"detection"},
    {"trained", "model_list"},
    {"export", "api", "annotations"},
    {"report", "live", "serve"},
    {"cli", "__main__"},
]
APART = {"data": {"encoding", "neurons"}, "encoding": {"data"}, "neurons": {"data", "encoding"}}
FILES = sorted(PACKAGE.rglob("*.py"))


def part(path) -> str:  # type: ignore[no-untyped-def]
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer(name: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path) -> None:  # type: ignore[no-untyped-def]
    for other in direct_imports(path):
        mine, theirs = part(path), part(other)
        assert layer(theirs) <= layer(mine), f"{path.name} imports {other}"
        assert theirs not in APART.get(mine, set()), f"{mine} must not know {theirs}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_knows_no_fixed_paths(path) -> None:  # type: ignore[no-untyped-def]
    text = path.read_text(encoding="utf-8")
    assert "sys.argv" not in text
    assert not re.search(r"Path\([\"'](data|metrics)/", text)


def test_stages_are_thin() -> None:
    for path in (ROOT / "stages").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path.name
