"""The report: whole, self-contained, readable by all, and true to the figures."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from scored import frame, random_matrix, status

from spikesound.errors import SpikesoundError
from spikesound.evaluation.curves import curves_frame
from spikesound.evaluation.summary import Metrics, compare, model_metrics
from spikesound.params import Params
from spikesound.report import provenance
from spikesound.report.inputs import Example, ReportInputs, choose_clip
from spikesound.report.page import build_report, render
from spikesound.report.verdict import NO_PAIR, pairs, verdict

MODELS = ("baseline-logistic", "ann-cnn", "snn-cnn-surrogate")
NAMES = {"/m/0": "Dog <b>", "/m/1": "Cash, $5 & $6", "/m/2": "Clock"}
VOID = {"meta", "link", "br", "col", "img", "input", "hr", "use", "image", "path", "rect"}


class Page(HTMLParser):
    """Elements of a page, its texts, and whether every element is closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def example(**changes: object) -> Example:
    generator = np.random.default_rng(0)
    made = Example(
        clip_id="clip0001",
        samples=generator.uniform(-0.5, 0.5, 8000),
        rate_hz=8000,
        features=generator.uniform(-80, 0, (20, 8)).astype(np.float16),
        frame_rate_hz=20.0,
        feature_unit="dB",
        bin_names=[f"{100 * i} Hz" for i in range(8)],
        spikes=generator.random((4, 20, 8)) < 0.25,
        encoding="latency",
        credit="Recorded by A & B, CC BY.",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def inputs(params: Params) -> ReportInputs:
    quick = params.evaluate.model_copy(update={"resamples": 100})
    present = status(30, absent=2)
    tables = {}
    for seed, name in enumerate(MODELS):
        scored = random_matrix(30, 3, seed)
        tables[name] = frame(scored.scores, random_matrix(30, 3, 0).targets, folds=("1", "2"))
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [2.0, 1.0, 0.5],
            "validation_loss": [2.1, 1.2, 0.9],
            "validation_accuracy": [0.2, 0.6, 0.7],
        }
    )
    curves = {name: curves_frame({"1": history, "2": history[:2]}) for name in MODELS[1:]}
    metrics = {name: model_metrics(tables[name], present, {}, quick, 1) for name in MODELS}
    return ReportInputs(
        summary=compare(metrics),
        names=NAMES,
        predictions=tables,
        curves=curves,
        status=present,
        example=example(),
        parameters="seed: 1 # <first>\n",
        provenance={"python": "3.x", "machine": "a machine"},
    )


@pytest.fixture(scope="module")
def text(inputs: ReportInputs) -> str:
    return render(inputs)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_the_page_is_well_formed_and_has_every_section(page: Page) -> None:
    assert page.open == []
    sections = [attributes["id"] for attributes in page.all("section")]
    assert sections == ["results", "clip", "curves", "confusion", "clips", "provenance"]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id is given twice"
    targets = [attributes["href"] for attributes in page.all("a")]
    assert targets
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert len(page.all("h1")) == 1


def test_the_page_asks_the_network_for_nothing(page: Page, text: str) -> None:
    references = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "xlink:href", "srcset", "data", "poster", "action"}
    ]
    assert references
    assert all(value.startswith(("data:", "#")) for value in references)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    assert "@import" not in text
    assert not page.all("script", "iframe", "object", "embed")
    policy = [each for each in page.all("meta") if "http-equiv" in each]
    assert policy[0]["content"].startswith("default-src 'none'")


def test_every_picture_says_what_it_shows(page: Page) -> None:
    pictures = page.all("svg")
    assert len(pictures) == 1 + 2 + 2 + 3  # accuracy; wave, spikes; curves; confusion
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)
    assert all(image["alt"] for image in page.all("img"))
    assert all(audio["aria-label"] for audio in page.all("audio"))


def test_every_reference_within_a_picture_is_to_an_element_of_the_page(
    page: Page, text: str
) -> None:
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    used = {use["href"].removeprefix("#") for use in page.all("use")}
    used |= set(re.findall(r"url\(#([^)]*)\)", text))
    assert used
    assert used <= ids


def test_pictures_take_on_the_text_colour_of_the_page(text: str) -> None:
    assert "#012345" not in text
    assert text.count("currentColor") > 50


def test_the_same_inputs_give_the_same_bytes(inputs: ReportInputs, text: str) -> None:
    assert render(inputs) == text


def test_the_figures_on_the_page_are_those_of_the_summary(inputs: ReportInputs, page: Page) -> None:
    for name in MODELS:
        assert f"{float(inputs.summary[name]['map']):.3f}" in page.text
    assert str(inputs.summary["dataset"]["manifest"]) in page.text
    assert "32 clips were asked for, 30 were there" in page.text
    assert "a machine" in page.text


def test_what_comes_from_outside_is_text_not_markup(page: Page, text: str) -> None:
    assert "Dog <b>" in page.text
    assert "Dog <b>" not in text
    assert "Cash, $5 & $6" in page.text
    assert "seed: 1 # <first>" in page.text
    assert "A & B, CC BY." in page.text


def test_the_audio_is_the_clip(inputs: ReportInputs, page: Page) -> None:
    kind, _, content = page.all("audio")[0]["src"].partition(",")
    assert kind == "data:audio/flac;base64"
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(content)))
    assert rate_hz == inputs.example.rate_hz
    np.testing.assert_allclose(samples, inputs.example.samples, atol=2**-15)


def test_the_scores_of_the_clip_are_those_of_the_predictions(
    inputs: ReportInputs, page: Page
) -> None:
    table = inputs.predictions["ann-cnn"]
    scores = table["score"][table["clip_id"] == "clip0001"]
    shown = re.findall(r"width: ([\d.]+)%", str(page.elements))
    assert {f"{score * 100:.1f}" for score in scores} <= set(shown)


def test_an_encoding_without_spikes_is_told_in_words(inputs: ReportInputs) -> None:
    direct = replace(inputs, example=example(spikes=None, encoding="direct"))
    page = Page(render(direct))
    assert "In direct coding they get the features as they are" in page.text
    assert len(page.all("svg")) == 7


def test_many_steps_are_shown_as_one_sum(inputs: ReportInputs) -> None:
    many = np.zeros((30, 20, 8), dtype=bool)
    many[3, 4, 5:7] = True
    text = render(replace(inputs, example=example(spikes=many)))
    assert "All 30 steps" in text
    assert "2 spikes in 30 time steps, 0.0 %" in text


def test_the_page_is_written_whole(inputs: ReportInputs, text: str, tmp_path: Path) -> None:
    out = tmp_path / "made" / "report.html"
    build_report(inputs, out)
    assert out.read_text(encoding="utf-8") == text
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_inputs_of_different_runs_are_refused(inputs: ReportInputs) -> None:
    other = inputs.status.copy()
    other.loc[0, "sha256"] = "f" * 64
    with pytest.raises(SpikesoundError, match="predictions of baseline-logistic and the status"):
        render(replace(inputs, status=other))
    with pytest.raises(SpikesoundError, match="unknown model without predictions 'ann-cnn'"):
        replace(inputs, predictions={"baseline-logistic": inputs.predictions["ann-cnn"]})
    with pytest.raises(SpikesoundError, match="unknown model with learning curves 'ann-rnn'"):
        replace(inputs, curves={"ann-rnn": inputs.curves["ann-cnn"]})
    with pytest.raises(SpikesoundError, match="unknown example clip for baseline-logistic: 'gone'"):
        render(replace(inputs, example=example(clip_id="gone")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": np.zeros((2, 5))}, r"samples of shape \(2, 5\)"),
        ({"bin_names": ["one"]}, r"features of shape \(20, 8\).* 1 bins"),
        ({"spikes": np.zeros((4, 8, 20), bool)}, r"spikes of shape \(4, 8, 20\)"),
    ],
)
def test_an_example_of_the_wrong_shape_is_refused(
    inputs: ReportInputs, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=f"example clip 'clip0001': {message}"):
        replace(inputs, example=example(**changes))


def test_the_clip_followed_is_the_first_of_the_first_fold_or_the_one_wanted() -> None:
    index = pd.DataFrame({"clip_id": ["d", "c", "b", "a"], "fold": ["2", "2", "1", "3"]})
    assert choose_clip(index, ["2", "1"]) == "c"
    assert choose_clip(index, ["2", "1"], "b") == "b"
    with pytest.raises(SpikesoundError, match=r"unknown clip 'a'.*valid: b, c, d"):
        choose_clip(index, ["2", "1"], "a")
    with pytest.raises(SpikesoundError, match=r"unknown fold '4'.*valid: 1, 2, 3"):
        choose_clip(index, ["4"])


def figures(accuracy: float, low: float, high: float) -> Metrics:
    return {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high}


TWIN = figures(0.9, 0.87, 0.93)
DATASET: Metrics = {"confidence": 0.95, "clips_scored": 400}


@pytest.mark.parametrize(
    ("spiking", "says"),
    [
        (figures(0.88, 0.85, 0.91), "within the twin's 95 % interval (87.0–93.0 %), so neither"),
        (figures(0.87, 0.84, 0.9), "so neither is shown to be more accurate"),
        (figures(0.86, 0.83, 0.89), "below the twin's 95 % interval (87.0–93.0 %), but the two"),
        (figures(0.95, 0.92, 0.97), "above the twin's 95 % interval (87.0–93.0 %), but the two"),
        (figures(0.8, 0.76, 0.84), "the spiking network is the less accurate of the two here"),
        (figures(0.97, 0.95, 0.99), "the spiking network is the more accurate of the two here"),
    ],
)
def test_the_verdict_says_what_the_intervals_show(spiking: Metrics, says: str) -> None:
    sentence = verdict({"ann-cnn": TWIN, "snn-cnn-surrogate": spiking, "dataset": DATASET})
    assert says in sentence
    decided = re.search("less accurate|the more accurate", sentence) is not None
    apart = float(spiking["accuracy_high"]) < 0.87 or float(spiking["accuracy_low"]) > 0.93
    assert decided == apart
    assert sentence.count(". ") == 0


def test_the_verdict_is_on_the_most_accurate_spiking_model_with_a_twin() -> None:
    summary = {
        "ann-cnn": TWIN,
        "ann-lstm": TWIN,
        "snn-cnn-surrogate": figures(0.8, 0.78, 0.82),
        "snn-lstm-surrogate": figures(0.9, 0.88, 0.92),
        "snn-vgg-surrogate": figures(0.99, 0.98, 1.0),
        "dataset": DATASET,
    }
    assert pairs(summary) == [("snn-lstm-surrogate", "ann-lstm"), ("snn-cnn-surrogate", "ann-cnn")]
    assert "snn-lstm-surrogate" in verdict(summary)


def test_without_a_pair_nothing_is_claimed() -> None:
    assert verdict({"ann-cnn": TWIN, "dataset": DATASET}) == NO_PAIR


def test_provenance_names_versions_and_machine() -> None:
    found = provenance.collect(["numpy", "no-such-package"])
    assert found["numpy"] == np.__version__
    assert found["no-such-package"] == "not installed"
    assert re.search(r"\d+ cores?$", found["machine"])
