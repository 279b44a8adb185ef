"""README says what the committed metrics say, and its links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import tables

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_tables_are_those_of_the_committed_metrics() -> None:
    texts = [page.read_text(encoding="utf-8") for page in tables.PAGES]
    for name in tables.TABLES:
        assert sum(f"<!-- {name} -->\n|" in text for text in texts) == 1
    for text in texts:
        assert tables.fill(text) == text, "run: make tables"
    assert tables.fill(README.replace("ann-cnn |", "ann-cnm |")) == README


def test_the_kernels_page_is_filled_from_the_committed_results(tmp_path: Path) -> None:
    text = (ROOT / "docs/results/kernels.md").read_text(encoding="utf-8")
    page = tmp_path / "kernels.md"
    page.write_text(re.sub(r"\| (yes|no) \|", "| ? |", text), encoding="utf-8")
    command = [sys.executable, str(ROOT / "benchmarks/neurons"), "--fill", "--page", str(page)]
    subprocess.run(command, check=True)
    assert page.read_text(encoding="utf-8") == text, "run: python benchmarks/neurons --fill"


def test_the_default_encoding_is_the_best_on_validation() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    table = json.loads((ROOT / "metrics/pairings.json").read_text(encoding="utf-8"))
    assert set(table) <= set(params["encodings"])
    found = {name: rows["surrogate"]["validation_accuracy"] for name, rows in table.items()}
    assert params["encoding"] == max(found, key=lambda name: found[name])


def test_the_committed_summary_is_of_the_default_run() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    summary = json.loads((ROOT / "metrics/summary.json").read_text(encoding="utf-8"))
    assert summary["snn-cnn-surrogate"]["encoding"] == params["encoding"]
    assert summary["dataset"]["clips_asked"] == summary["dataset"]["clips_scored"] == 400
    for model, values in summary.items():
        if model != "dataset":
            content = (ROOT / f"metrics/models/{model}.json").read_text(encoding="utf-8")
            measured = json.loads(content)
            shared = {key: value for key, value in values.items() if key in measured}
            assert len(shared) >= 9, "accuracy, F1 and mAP with their ends, and more of a network"
            assert shared.items() <= measured.items()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_the_commands_of_the_makefile_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text, re.MULTILINE):
            assert re.search(rf"^{target[0] or target[1]}:", makefile, re.MULTILINE), target
