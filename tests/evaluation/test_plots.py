"""The project's own templates: DVC fills them with two revisions, and they name real columns."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import ROOT

Rows = list[dict[str, object]]

PLOTS = {
    "robustness": ("level", "accuracy"),
    "anytime": ("at", "accuracy"),
    "break_even": ("steps", "break_even_rate"),
    "energy": ("total_nj", "model"),
    "folds": ("epoch", "validation_loss"),
}
"""Each template, with the x and the y that dvc.yaml gives it."""


def rows(plot: str, share: float) -> Rows:
    """Return a small table of the columns that the pipeline writes."""
    between = {"accuracy": share, "accuracy_low": share - 0.1, "accuracy_high": share + 0.1}
    models = ["ann-cnn", "snn-cnn-surrogate"]
    if plot == "robustness":
        levels = [("clean", 0, ""), ("white", -10, "dB"), ("white", 5, "dB"), ("gain", 3, "dB")]
        return [
            {"model": m, "condition": c, "level": level, "unit": u, "clips": 40, **between}
            for m in models
            for c, level, u in levels
        ]
    if plot == "anytime":
        places = [("steps", 2), ("steps", 10), ("seconds", 0.5)]
        return [{"model": m, "axis": a, "at": at, **between} for m in models for a, at in places]
    if plot == "break_even":
        own = {"model": models[1], "against": models[0], "profile": "fp32_45nm"}
        return [
            {**own, "dataflow": "no_reuse", "accounting": a, "steps": n, "break_even_rate": rate}
            for a in ("operations", "memory")
            for n, rate in ((1, share), (16, ""))
        ]
    if plot == "energy":
        parts = {"neurons_nj": 1, "weights_nj": 2, "inputs_nj": 3, "states_nj": 4, "outputs_nj": 5}
        flow = {"profile": "fp32_45nm", "dataflow": "weight_stationary"}
        totals = {"operations_nj": 100 * share, **parts, "total_nj": 900 * share}
        return [{"model": m, **flow, **totals} for m in models]
    losses = {"train_loss": share, "validation_loss": share, "validation_accuracy": share}
    return [{"fold": fold, "epoch": epoch, **losses} for fold in "12" for epoch in (2, 10)]


class Project:
    """A repository with the templates and one small table a plot, changed since its commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.run("git", "init", "-q")
        self.run("dvc", "init", "-q")
        shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots", dirs_exist_ok=True)
        plots = [
            {f"metrics/{name}.csv": {"template": name, "x": x, "y": y}}
            for name, (x, y) in PLOTS.items()
        ]
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}))
        self.write(0.8)
        self.run("git", "add", ".")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first")
        self.write(0.6)

    def write(self, share: float) -> None:
        (self.folder / "metrics").mkdir(exist_ok=True)
        for name in PLOTS:
            table = rows(name, share)
            with (self.folder / f"metrics/{name}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(table[0]))
                writer.writeheader()
                writer.writerows(table)

    def run(self, *command: str) -> str:
        tools = Path(sys.executable).parent
        environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("plots") / "project")


@pytest.fixture(scope="module")
def drawn(project: Project) -> dict[str, Any]:
    found = json.loads(project.run("dvc", "plots", "diff", "HEAD", "--json"))
    assert "errors" not in found
    return {Path(name).stem: plot[0]["content"] for name, plot in found["data"].items()}


def found_under(key: str, content: Any) -> Iterator[Any]:
    """Yield what stands under a key, anywhere in a specification but in its data."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name == key:
                yield value
            if name != "data":
                yield from found_under(key, value)
    elif isinstance(content, list):
        for value in content:
            yield from found_under(key, value)


def test_each_template_of_the_project_is_tried() -> None:
    assert {path.stem for path in (ROOT / ".dvc/plots").glob("*.json")} == set(PLOTS)


@pytest.mark.slow
@pytest.mark.parametrize("plot", PLOTS)
def test_both_revisions_are_drawn_over_each_other(plot: str, drawn: dict[str, Any]) -> None:
    content = drawn[plot]
    assert "<DVC_METRIC" not in json.dumps(content), "an anchor that DVC does not fill"
    values = content["data"]["values"]
    assert {row["rev"] for row in values} == {"HEAD", "workspace"}
    assert len(values) == 2 * len(rows(plot, 0.5)), "no row is lost"
    channels = [*found_under("color", content), *found_under("strokeDash", content)]
    assert any(channel["field"] == "rev" for channel in channels), "distinguished by colour or dash"


@pytest.mark.slow
@pytest.mark.parametrize("plot", PLOTS)
def test_templates_name_columns_that_there_are(plot: str, drawn: dict[str, Any]) -> None:
    made = {
        name
        for value in found_under("as", drawn[plot])
        for name in (value if isinstance(value, list) else [value])
    }
    there = {*rows(plot, 0.5)[0], "rev"} | made
    fields = set(found_under("field", drawn[plot]))
    assert fields <= there
    assert set(PLOTS[plot]) & fields, "x or y of dvc.yaml is what is drawn"
    assert set(drawn[plot]["data"].get("format", {}).get("parse", {})) <= there


@pytest.mark.slow
def test_a_page_is_made_of_them(project: Project) -> None:
    project.run("dvc", "plots", "diff", "HEAD", "--out", "page")
    page = (project.folder / "page/index.html").read_text(encoding="utf-8")
    assert all(f"metrics/{name}.csv" in page for name in PLOTS)
