"""The report of a detection run: its sections, its sentences, and the figures of its inputs."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_detection import MODELS, PAIR, SOUNDS, detection_inputs, power_table
from report_page import Page

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.measures import DETECTION
from spikesound.params import Params
from spikesound.report import detection_verdict, intervals, power, robustness
from spikesound.report.detected import Detected, choose_examples
from spikesound.report.inputs import Detection, ReportInputs
from spikesound.report.models_table import detectors_table
from spikesound.report.page import render
from spikesound.report.results import Results
from spikesound.report.theme import looks
from spikesound.report.timeline import MOST_CLASSES, shown_classes
from spikesound.report.verdict import NO_PAIR
from spikesound.tasks.detection.decision import Event

SPIKING, TWIN = PAIR
SECTIONS = [
    "metrics",
    "power",
    "accounts",
    "results",
    "classes",
    "examples",
    "robustness",
    "curves",
]
ALWAYS = ["counted", "provenance"]


@pytest.fixture(scope="module")
def inputs(params: Params) -> ReportInputs:
    return detection_inputs(params)


@pytest.fixture(scope="module")
def text(inputs: ReportInputs) -> str:
    return render(inputs)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def ids(page: Page) -> list[str]:
    return [attributes["id"] for attributes in page.all("section")]


@pytest.mark.slow
def test_the_page_is_well_formed_and_has_the_sections_of_detection(page: Page) -> None:
    assert page.open == []
    assert ids(page) == SECTIONS + ALWAYS
    targets = {attributes["href"].removeprefix("#") for attributes in page.all("a")}
    every = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert targets <= set(every)
    assert len(every) == len(set(every)), "an id is given twice"


def test_a_section_without_figures_is_left_out(inputs: ReportInputs) -> None:
    bare = Page(render(replace(inputs, curves={}, clips=[], results=Results())))
    assert ids(bare) == ["metrics", "power", "accounts", "results", *ALWAYS]
    assert bare.plain.count("not measured in this run.") == 3, "power, accounts and comparisons"
    assert "Latency" not in bare.plain
    linked = {each["href"].removeprefix("#") for each in bare.all("a")}
    assert linked <= {"main", *ids(bare)}


@pytest.mark.slow
def test_the_verdict_names_the_pair_and_what_the_comparison_shows(page: Page) -> None:
    assert (
        "On 30 clips the spiking snn-tcn-strong scores 0.300 in PSDS 1 and its conventional twin "
        "ann-tcn-strong 0.250: its twin is better than the spiking network by 0.059 of PSDS 1 "
        "(−0.082 to −0.038); no difference shown in event F1 (−0.020 to +0.020); differences "
        "within these 95 % intervals are not ruled out."
    ) in page.plain


def test_the_sentence_on_power_gives_every_sound_and_both_accounts(inputs: ReportInputs) -> None:
    said = detection_verdict.on_power(inputs.summary, inputs.results.power, PAIR)
    assert said == (
        "Counting multiply-accumulates and accumulates alone, it needs 0.83 times the twin’s power "
        "in sound events, 0.42 in background alone and 0.28 in silence; with memory counted, 0.83, "
        "0.42 and 0.28 times, and 1.04, 0.52 and 0.35 times that of a twin that skips zeros "
        "(FP32, 45 nm, weight-stationary)."
    )
    assert detection_verdict.on_power(inputs.summary, None, PAIR) == detection_verdict.NO_POWER


def test_without_a_pair_nothing_is_claimed(inputs: ReportInputs) -> None:
    alone = {name: inputs.summary[name] for name in (SPIKING, "dataset")}
    assert detection_verdict.verdict(alone, inputs.results, inputs.table) == [NO_PAIR]
    answer = detection_verdict.answer(replace(inputs, summary=alone, curves={}))
    assert (answer.sentences, answer.facts, answer.bars) == ([NO_PAIR], (), ())


def test_the_answer_has_power_a_battery_and_missed_events(inputs: ReportInputs) -> None:
    answer = detection_verdict.answer(inputs)
    assert answer.sentences[0] == (
        f"Not against every conventional network: {PAIR[0]} needs 0.83 times the power in sound of "
        f"its conventional twin {PAIR[1]}, but 1.04 times that of {PAIR[1]} with zero-skipping, "
        "which does without spikes, each at its own precision."
    )
    shown = {fact.label: fact.value for fact in answer.facts}
    watts = inputs.summary[PAIR[0]]["events_uw"] * 1e-6
    assert shown == {
        "Power in sound": f"{watts * 1e6:.1f} µW",
        "Runs on a coin cell for": f"{2430 / watts / 86400:,.0f} days",
        "Missed of a hundred sound events": "as many",
    }
    assert [bar.name for bar in answer.bars if bar.of_pair] == list(PAIR)
    assert all(inputs.table[bar.name].labels == "strong" for bar in answer.bars)
    assert max(bar.width for bar in answer.bars) == 100


def test_each_metric_is_drawn_with_its_interval(inputs: ReportInputs) -> None:
    look = looks(inputs.models, inputs.table)
    plot = intervals.interval_plot(inputs.summary, look, DETECTION, "Metrics")
    assert plot is not None
    assert list(plot.views) == [measure.key for measure in DETECTION]
    first, second = plot.first.series[:2]
    assert (first.name, first.x, first.y) == (MODELS[0], [0.2], [4]), "the first stands on top"
    assert (second.low, second.high) == ([0.22], [0.28])
    assert plot.y.texts == list(MODELS)
    assert "snn-tcn-strong 0.300 [0.270–0.330]" in plot.first.alt
    assert plot.table.rows[1][1] == "0.250 [0.220–0.280]"


def test_a_model_without_a_metric_is_left_out_of_its_view(inputs: ReportInputs) -> None:
    summary = inputs.summary | {MODELS[0]: {**inputs.summary[MODELS[0]], "psds2": None}}
    look = looks(inputs.models, inputs.table)
    plot = intervals.interval_plot(summary, look, DETECTION, "Metrics")
    assert plot is not None
    assert [series.name for series in plot.views["psds2"].series] == list(MODELS[1:])


def test_the_axis_ends_above_the_highest_interval_and_is_there_for_zeros(
    inputs: ReportInputs,
) -> None:
    look = looks(inputs.models, inputs.table)
    plot = intervals.interval_plot(inputs.summary, look, DETECTION, "Metrics")
    assert plot is not None
    assert plot.first.x is not None
    assert plot.first.x.range == (0, pytest.approx(1.1 * 0.43))
    nothing = dict.fromkeys(("psds1", "psds1_low", "psds1_high"), 0.0)
    zeros = intervals.interval_plot(dict.fromkeys(look, nothing), look, DETECTION, "Metrics")
    assert zeros is not None
    assert zeros.first.x is not None
    assert zeros.first.x.range == (0, 1.0)


@pytest.mark.slow
def test_power_is_drawn_for_every_sound_technology_dataflow_and_account(
    inputs: ReportInputs,
) -> None:
    table = inputs.results.power
    assert table is not None
    look = looks(inputs.models, inputs.table)
    plot = power.power_plot(table, inputs.summary, look, DETECTION[0], twins=PAIR)
    assert plot is not None
    sizes = [len(choice.options) for choice in plot.choices]
    assert sizes == [2, 3, 3, 3]
    assert len(plot.views) == np.prod(sizes)
    values = [choice.value for choice in plot.choices]
    assert values == ["memory", "background", "fp32_45nm", "weight_stationary"]
    bare = plot.views["operations|silence|fp16_45nm|no_reuse"]
    points = {series.name: series for series in bare.series}
    assert points[SPIKING].x == [pytest.approx(10 / 3 / 2, rel=1e-3)]
    assert points[f"{SPIKING}, lazy updates"].x == [pytest.approx(8 / 3 / 2, rel=1e-3)]
    assert points[f"{TWIN}, zero-skipping"].x == [pytest.approx(9.6 / 2, rel=1e-3)]
    assert "ann-gru-strong, zero-skipping" not in points, "only of the pair"
    assert points[SPIKING].y == [pytest.approx(0.3)]


def test_the_table_of_power_has_every_execution(inputs: ReportInputs) -> None:
    table = power.power_table(power_table([SPIKING, TWIN], [SPIKING]))
    assert len(table.heads) == 3 + 2 * len(SOUNDS)
    assert len(table.rows) == 2 * 2 * 9
    assert table.rows[0][:4] == [SPIKING, "FP32, 45 nm", "no reuse", "30.0"]
    assert {row[0] for row in table.rows} == {
        SPIKING,
        f"{SPIKING}, lazy updates",
        TWIN,
        f"{TWIN}, zero-skipping",
    }


def test_the_figures_on_the_page_are_those_of_the_inputs(inputs: ReportInputs, page: Page) -> None:
    for value in ("0.250 [0.220–0.280]", "0.64, 1.50", "117", "0.512", "0.310 [0.290–0.350]"):
        assert value in page.plain
    for cells in detectors_table(inputs.summary).rows:
        assert all(cell in page.plain for cell in cells)
    assert "32 clips were requested, 30 were present" in page.plain
    assert str(inputs.summary["dataset"]["manifest"]) in page.plain
    assert "Dog <b>" in page.text


def test_robustness_is_of_the_metric_that_the_table_has(inputs: ReportInputs) -> None:
    table = inputs.results.robustness
    assert table is not None
    shown = robustness.plots(table, looks(inputs.models, inputs.table))
    white = shown["noise"][0]
    assert white.y.title == "Segment F1"
    assert white.first.series[0].y == [0.6, pytest.approx(0.48), pytest.approx(0.384)]
    assert white.table.rows[0][1] == "0.600 [0.580–0.620]"
    with pytest.raises(
        SpikesoundError, match="robustness: no measure column; must be one of accuracy"
    ):
        robustness.plots(table[["model", "condition", "level", "unit", "clips"]], {})


def test_each_plot_is_drawn_from_data_and_described_by_a_table(page: Page, text: str) -> None:
    data = re.search(r'<script type="application/json" id="plots">(.*?)</script>', text)
    assert data is not None
    plots = {plot["id"]: plot for plot in json.loads(data[1])}
    shown = [each["id"] for each in page.all("div") if each.get("class", "").startswith("plot")]
    assert sorted(plots) == sorted(shown)
    assert {"plot-metrics", "plot-power", "plot-learning", "plot-white"} <= set(plots)
    assert all(view["series"] for plot in plots.values() for view in plot["views"].values())


def test_a_clip_has_its_sound_features_spikes_and_a_timeline_of_each_model(page: Page) -> None:
    pictures = [each for each in page.all("svg") if each.get("aria-hidden") != "true"]
    assert len(pictures) == 2 + 1 + 2 * len(PAIR)
    assert len(page.all("audio")) == 2
    drawn = [each["aria-label"] for each in pictures if "probabilities" in each["aria-label"]]
    assert drawn[0] == (
        "Class probabilities of snn-tcn-strong over time. True events: Dog <b> 0.2 to 0.9 s, Clock "
        "1.0 to 1.6 s. Predicted: Dog <b> 0.2 to 1.1 s."
    )
    outlines = [each for each in page.all("rect") if each.get("fill") == "none"]
    assert len(outlines) >= 2 * len(PAIR) * 2, "two true events in each picture"


def test_of_many_classes_those_with_events_are_drawn_first(inputs: ReportInputs) -> None:
    labels = [f"/m/{number}" for number in range(30)]
    frames = np.zeros((20, 30))
    frames[:, 7] = 0.9
    clip = replace(
        inputs.clips[0],
        events=[Event("/m/29", 0, 1)],
        detections={SPIKING: Detection(frames, [Event("/m/3", 0, 1)])},
    )
    shown = shown_classes(clip, labels)
    assert len(shown) == MOST_CLASSES
    assert shown == sorted(shown)
    assert {3, 7, 29} <= set(shown)


def test_examples_are_where_the_models_differ_and_then_usual_ones() -> None:
    truth = {f"clip{i}": [Event("a", 0.0, 1.0)] for i in range(9)} | {"silent": []}
    found, nothing = [Event("a", 0.0, 1.0)], list[Event]()
    frames = np.zeros((4, 1))

    def of(right: set[int]) -> dict[str, Detection]:
        return {
            clip: Detection(frames, found if int(clip[4:]) in right else nothing)
            for clip in truth
            if clip != "silent"
        } | {"silent": Detection(frames, nothing)}

    both = Detected(truth, {"one": of({0, 1, 2, 7, 8}), "other": of({3, 4, 7, 8})})
    assert choose_examples(both, ["a"], most=6) == [
        "clip0",
        "clip1",
        "clip3",
        "clip4",
        "clip2",
        "clip5",
    ]
    assert choose_examples(Detected({"silent": []}, {"one": of(set())}), ["a"]) == []


def test_inputs_of_a_baseline_alone_still_give_a_page(inputs: ReportInputs) -> None:
    summary = {name: inputs.summary[name] for name in ("baseline-mel", "dataset")}
    page = Page(render(replace(inputs, summary=summary, curves={}, clips=[], results=Results())))
    assert NO_PAIR.split(",")[0] in page.plain


def test_classes_without_a_figure_have_a_dash(inputs: ReportInputs) -> None:
    from spikesound.report.class_tables import class_table

    table = class_table(inputs.results.classes[SPIKING])
    assert table.heads[:3] == ["Class", "Clips", "Events"]
    assert table.rows[2] == ["Clock", "8", "15", "11", "0", "0.110", "–", "0.000", "0.50", "0.05"]
    assert class_table(pd.DataFrame({"name": ["Rain"], "clips": [1200]})).rows == [
        ["Rain", "1,200"]
    ]
