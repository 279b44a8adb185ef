"""README says what the committed metrics say, and its links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest
import yaml
from project import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import tables

from spikesound.evaluation.table import percent

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]


def links(page: Path) -> list[str]:
    """The links to files that a page has."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return [target for target in targets if not target.startswith("http")]


def make_targets(page: Path) -> set[str]:
    """The targets of ``make`` that a page names, in its text or as a line of commands."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text, re.MULTILINE)
    return {one or other for one, other in named}


@pytest.mark.slow
def test_the_tables_are_those_of_the_committed_metrics() -> None:
    texts = [page.read_text(encoding="utf-8") for page in tables.PAGES]
    for name in tables.TABLES:
        assert sum(f"<!-- {name} -->\n|" in text for text in texts) == 1
    for text in texts:
        assert tables.fill(text) == text, "run: make tables"
    damaged = README.replace("ann-cnn |", "ann-cnm |")
    assert damaged != README, "README has no table with a row ann-cnn"
    assert tables.fill(damaged) == README


@pytest.mark.slow
def test_the_kernels_page_is_filled_from_the_committed_results(tmp_path: Path) -> None:
    text = (ROOT / "docs/results/kernels.md").read_text(encoding="utf-8")
    page = tmp_path / "kernels.md"
    emptied, count = re.subn(r"\| (yes|no) \|", "| ? |", text)
    assert count >= 10, "the page has no table of targets"
    page.write_text(emptied, encoding="utf-8")
    command = [sys.executable, str(ROOT / "benchmarks/neurons"), "--fill", "--page", str(page)]
    subprocess.run(command, check=True)
    assert page.read_text(encoding="utf-8") == text, "run: python benchmarks/neurons --fill"


def test_the_default_encoding_is_the_best_on_validation() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content = (ROOT / "metrics/experiments/pairings.json").read_text(encoding="utf-8")
    rows = {row["setting"]: row["validation_accuracy"] for row in json.loads(content)["rows"]}
    found = {
        name: rows[f"{name}, surrogate"]
        for name in params["encodings"]
        if f"{name}, surrogate" in rows
    }
    assert len(found) == 6
    assert params["encoding"] == max(found, key=lambda name: found[name])


def test_the_committed_summary_is_of_the_default_run() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    summary = json.loads((ROOT / "metrics/classification/summary.json").read_text(encoding="utf-8"))
    assert summary["snn-cnn-surrogate"]["encoding"] == params["encoding"]
    assert summary["dataset"]["clips_asked"] == summary["dataset"]["clips_scored"] == 400
    assert len(summary) >= 9
    for model, values in summary.items():
        if model != "dataset":
            content = (ROOT / f"metrics/classification/models/{model}.json").read_text(
                encoding="utf-8"
            )
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


def test_readme_leads_to_every_page_of_the_docs() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [
                (page.parent / link).resolve() for link in links(page) if link.endswith(".md")
            ]
    assert len(DOCS) > 10
    assert set(DOCS) - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_the_makefile_are_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert make_targets(page) <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_readme_and_contributing_name_the_commands_to_start_with() -> None:
    assert {"repro", "test"} <= make_targets(ROOT / "README.md")
    assert {"check", "test"} <= make_targets(ROOT / "CONTRIBUTING.md")


def test_the_figures_in_the_text_are_those_of_the_committed_rows() -> None:
    text = " ".join(README.split())
    for name in ("scratch", "yamnet", "distilled"):
        content = (ROOT / f"metrics/experiments/{name}.json").read_text(encoding="utf-8")
        rows = {}
        for row in json.loads(content)["rows"]:
            rows.setdefault(row["setting"], []).append(row)
        said = {
            "scratch": ("cnn", "snn", "cnn, currents pooled", "snn, currents pooled"),
            "yamnet": ("linear head", "spiking D=4", "spiking D=8", "spiking D=2"),
            "distilled": ("snn by yamnet",),
        }
        if name == "distilled":  # README has the first seed
            rows = {setting: own[:1] for setting, own in rows.items()}
        for setting in said[name]:
            assert f"{percent(fmean(row['accuracy'] for row in rows[setting]))} %" in text, setting
        if name == "scratch":
            assert len(rows["cnn"]) == len(rows["snn"])
            assert f"means of {len(rows['cnn'])} seeds" in text
            rate = fmean(row["spike_rate"] for row in rows["snn"])
            assert f"firing rate of {percent(rate)} %" in text
            cnn, snn, plain_cnn, plain_snn = (
                f"{fmean(row['accounts']['int8_45nm']['plain_nj'] for row in own) / 1000:,.0f}"
                for own in map(rows.__getitem__, said[name])
            )
            assert f"{snn} µJ a clip to the CNN's {cnn} " in text
            assert f"with {plain_cnn} and {plain_snn} µJ" in text
    content = (ROOT / "metrics/experiments/detectors.json").read_text(encoding="utf-8")
    detectors = [row for row in json.loads(content)["rows"] if row["setting"].endswith(", strong")]
    plain, spiking = (row for row in detectors if row["seed"] == 1)
    assert plain["family"] == "ann"
    assert f"reaches PSDS 1 of {plain['psds1']:.3f} and the spiking one" in text
    power = f"at {plain['events_uw']:.0f} and {spiking['events_uw']:.0f} µW in sound"
    assert f"a neuron and frame, {spiking['psds1']:.3f}, {power}" in text
    unknown = (ROOT / "benchmarks/results/unknown.json").read_text(encoding="utf-8")
    found = json.loads(unknown)
    assert f"of {found['foreign_files']} such sounds" in text
    for row in found["test"]:
        if len(row["folds"]) == 5:
            assert f"{percent(row['foreign_refused'])} % by the" in text, row["model"]
            assert re.search(f"refuses {percent(row['refused'])} %", text), row["model"]
    speakers = (ROOT / "benchmarks/results/fsdd_speakers.json").read_text(encoding="utf-8")
    means = json.loads(speakers)["means"]
    assert f"{percent(means['spiking']['accuracy'])} % by a spiking network from integer" in text
    assert f"{percent(means['conventional']['accuracy'])} % by a conventional one" in text
