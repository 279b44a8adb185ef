"""The report: whole, self-contained, and true to its inputs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from report_inputs import MODELS, PAIR, clip, report_inputs
from report_page import Page

from spikesound.core.errors import SpikesoundError
from spikesound.params import Params
from spikesound.report import provenance
from spikesound.report.inputs import ReportInputs
from spikesound.report.page import build_report, render
from spikesound.report.results import MADE_BY, Results
from spikesound.report.verdict import NO_PAIR

SECTIONS = [
    "energy",
    "accounts",
    "results",
    "classes",
    "break-even",
    "robustness",
    "anytime",
    "study",
    "confusion",
    "misclassified",
    "curves",
    "counted",
    "provenance",
]


@pytest.fixture(scope="module")
def inputs(params: Params) -> ReportInputs:
    return report_inputs(params)


@pytest.fixture(scope="module")
def text(inputs: ReportInputs) -> str:
    return render(inputs)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def bare(inputs: ReportInputs, *models: str) -> ReportInputs:
    """Return inputs of some models alone, without any measurement beside the summary."""
    return replace(
        inputs,
        summary={name: inputs.summary[name] for name in (*models, "dataset")},
        curves={name: curves for name, curves in inputs.curves.items() if name in models},
        results=Results(),
    )


@pytest.mark.slow
def test_the_page_is_well_formed_and_has_every_section(page: Page) -> None:
    assert page.open == []
    assert [attributes["id"] for attributes in page.all("section")] == SECTIONS
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id is given twice"
    targets = [attributes["href"] for attributes in page.all("a")]
    assert {target.removeprefix("#") for target in targets} <= set(ids)


@pytest.mark.slow
def test_the_page_opens_with_the_question_its_answer_and_three_figures(
    inputs: ReportInputs, page: Page
) -> None:
    top = page.plain.partition("The tests behind this answer")[0]
    assert "Is a spiking network worth it on these sounds?" in top
    assert f"No: {PAIR[0]} needs 1.85 times the energy of its conventional twin {PAIR[1]}." in top
    for label in ("Energy a clip", "Runs on a coin cell for", "Right of a hundred clips"):
        assert label in top
    assert "p = " not in top
    assert " nJ" not in page.plain
    measured = [name for name in inputs.models if "energy_nj" in inputs.summary[name]]
    bars = [each for each in page.all("i") if each.get("style", "").startswith("width")]
    assert len(bars) >= len(measured) > 1
    picture = top.partition("and what it gets right")[2]
    assert all(name in picture for name in measured), "the picture names each network"


def test_all_sections_are_folded(page: Page) -> None:
    folds = [each for each in page.all("details") if each.get("class") == "fold"]
    assert len(folds) == len(SECTIONS)
    assert not any("open" in each for each in folds)


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_page_asks_the_network_for_nothing(page: Page, text: str) -> None:
    references = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "xlink:href", "srcset", "data", "poster", "action"}
    ]
    assert references
    assert all(value.startswith(("data:", "#")) for value in references)
    outside_scripts = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert all(to.startswith("#") for to in re.findall(r"url\(([^)]*)\)", outside_scripts))
    assert "@import" not in outside_scripts
    assert not page.all("iframe", "object", "embed")


def test_the_policy_allows_the_scripts_of_the_page_and_nothing_else(page: Page, text: str) -> None:
    policy = next(each["content"] for each in page.all("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()) for each in scripts]
    assert re.findall(r"'sha256-([^']*)'", policy) == [digest.decode() for digest in digests]


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes(inputs: ReportInputs, text: str) -> None:
    assert render(inputs) == text


def test_every_picture_and_plot_says_what_it_shows(page: Page) -> None:
    pictures = [each for each in page.all("svg") if each.get("aria-hidden") != "true"]
    # the confusion matrix of each model; features of two clips, spikes of one
    assert len(pictures) == len(MODELS) + 3
    plots = [each for each in page.all("div") if each.get("class", "").startswith("plot")]
    assert len(plots) == 4 + 15 + 2 + 1
    assert all(each["role"] == "img" and each["aria-label"] for each in (*pictures, *plots))
    assert [bool(audio["aria-label"]) for audio in page.all("audio")] == [True, True]


def test_each_plot_is_drawn_from_data_and_told_by_a_table(page: Page, text: str) -> None:
    data = re.search(r'<script type="application/json" id="plots">(.*?)</script>', text)
    assert data is not None
    plots = json.loads(data[1])
    shown = [each["id"] for each in page.all("div") if each.get("class", "").startswith("plot")]
    assert sorted(plot["id"] for plot in plots) == sorted(shown)
    assert all(view["series"] for plot in plots for view in plot["views"].values())
    tables = [each.get("aria-label", "") for each in page.all("table")]
    assert sum(label.endswith(", in numbers") for label in tables) == len(plots)


def test_the_figures_on_the_page_are_those_of_the_inputs(inputs: ReportInputs, page: Page) -> None:
    for name in MODELS:
        assert f"{float(inputs.summary[name]['map']):.3f}" in page.plain
    assert str(inputs.summary["dataset"]["manifest"]) in page.plain
    assert "32 clips were requested, 30 were present" in page.plain
    assert "a machine" in page.plain
    for value in ("against 0.380 µJ of ann-cnn", "0.0610", "McNemar", "p = 0.80", "0.512", "3.20"):
        assert value in page.plain


def test_what_comes_from_outside_is_text_not_markup(page: Page, text: str) -> None:
    assert "Dog <b>" in page.text
    assert "Dog <b>" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "Cash, $5 & $6" in page.text
    assert "seed: 1 # <first>" in page.text
    assert "A & B, CC BY." in page.text


def test_the_audio_is_the_clip(inputs: ReportInputs, page: Page) -> None:
    kind, _, content = page.all("audio")[0]["src"].partition(",")
    assert kind == "data:audio/mpeg;base64"
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(content)))
    assert rate_hz == inputs.clips[0].rate_hz
    assert abs(len(samples) - len(inputs.clips[0].samples)) < 0.1 * rate_hz
    ratio = np.std(samples) / np.std(inputs.clips[0].samples)
    assert 0.7 < ratio < 1.1


def test_the_scores_of_a_clip_are_those_of_the_predictions(
    inputs: ReportInputs, page: Page
) -> None:
    shown = re.findall(r"width: ([\d.]+)%", str(page.elements))
    for model in PAIR:
        table = inputs.predictions[model]
        scores = table["score"][table["clip_id"] == "clip0001"]
        assert {f"{score * 100:.1f}" for score in scores} <= set(shown)


def test_what_was_not_measured_is_said_with_the_command_that_measures_it(
    inputs: ReportInputs,
) -> None:
    page = Page(render(bare(inputs, *PAIR)))
    assert page.open == []
    named = [section for section in SECTIONS if section != "classes"]
    assert [attributes["id"] for attributes in page.all("section")] == named
    assert page.plain.count("not measured in this run.") == len(MADE_BY["classification"])
    assert MADE_BY["classification"]["study"] in page.plain
    assert "no paired test was made" in page.plain


def test_a_baseline_alone_still_gives_a_page(inputs: ReportInputs) -> None:
    page = Page(render(bare(inputs, "baseline-logistic")))
    assert NO_PAIR.split(",")[0] in page.plain
    assert "None of these models learns in epochs" in page.plain


@pytest.mark.slow
def test_conventional_models_alone_still_give_a_page(inputs: ReportInputs) -> None:
    spiking = {name for name, model in inputs.table.items() if model.spiking}
    without = {n: f for n, f in inputs.summary.items() if n not in spiking}
    curves = {name: table for name, table in inputs.curves.items() if name in without}
    page = Page(render(replace(inputs, summary=without, curves=curves, clips=[])))
    assert NO_PAIR.split(",")[0] in page.plain
    assert "No clip was misclassified" in page.plain
    assert any(each.get("id") == "plot-energy" for each in page.all("div"))


@pytest.mark.slow
def test_with_several_labels_a_clip_map_stands_in_the_place_of_accuracy(
    inputs: ReportInputs,
) -> None:
    summary = {}
    for name, figures in inputs.summary.items():
        summary[name] = {
            key: value
            for key, value in figures.items()
            if not key.startswith(("accuracy", "macro_f1"))
        }
        if name != "dataset":
            summary[name] |= {"auc": 0.912, "d_prime": 1.234, "lwlrap": 0.877}
    page = Page(render(replace(inputs, summary=summary)))
    assert page.open == []
    ours, theirs = (f"{summary[name]['map'] * 100:.1f} %" for name in PAIR)
    assert f"scores {ours} in mAP and its conventional twin {PAIR[1]} {theirs}: " in page.plain
    assert "mAP against energy: the numbers" in page.plain
    assert "Accuracy against energy: the numbers" not in page.plain
    for value in ("0.912", "1.234", "0.877", "d′", "lwlrap"):
        assert value in page.plain


@pytest.mark.slow
def test_the_page_is_written_whole(inputs: ReportInputs, text: str, tmp_path: Path) -> None:
    out = tmp_path / "made" / "report.html"
    build_report(inputs, out)
    assert out.read_text(encoding="utf-8") == text
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


@pytest.mark.slow
def test_inputs_of_different_runs_are_refused(inputs: ReportInputs) -> None:
    other = inputs.status.copy()
    other.loc[0, "sha256"] = "f" * 64
    with pytest.raises(SpikesoundError, match="predictions of baseline-logistic and the status"):
        render(replace(inputs, status=other))
    with pytest.raises(SpikesoundError, match="unknown model without predictions 'ann-cnn'"):
        replace(inputs, predictions={"baseline-logistic": inputs.predictions["ann-cnn"]})
    with pytest.raises(SpikesoundError, match="unknown model with learning curves 'ann-vgg'"):
        replace(inputs, curves={"ann-vgg": inputs.curves["ann-cnn"]})
    with pytest.raises(SpikesoundError, match="unknown clip 'gone'"):
        render(replace(inputs, clips=[clip("gone")]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": np.zeros((2, 5))}, r"samples: expected .*got \(2, 5\)"),
        ({"bin_names": ["one"]}, r"features: got shape \(20, 8\).* 1 bins"),
        ({"spikes": np.zeros((8, 20))}, r"spikes: expected .*got \(8, 20\)"),
    ],
)
def test_a_clip_of_the_wrong_shape_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpikesoundError, match=f"clip 'clip0001': {message}"):
        clip("clip0001", **changes)


def test_provenance_names_versions_and_machine() -> None:
    found = provenance.collect(["numpy", "no-such-package"])
    assert found["numpy"] == np.__version__
    assert found["no-such-package"] == "not installed"
    assert re.search(r"\d+ cores?$", found["Machine"])


def test_the_code_digest_changes_with_content_and_with_names(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    first = provenance.code_digest(tmp_path)
    assert re.fullmatch("[0-9a-f]{16}", first)
    (tmp_path / "a.txt").write_text("not code")
    assert provenance.code_digest(tmp_path) == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    renamed = provenance.code_digest(tmp_path)
    (tmp_path / "b.py").write_text("x = 2\n")
    assert len({first, renamed, provenance.code_digest(tmp_path)}) == 3


def test_the_blob_is_named_as_git_names_it() -> None:
    # Git's own name of the empty file, and of "hello\n" (git hash-object).
    assert provenance.git_blob(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert provenance.git_blob(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
