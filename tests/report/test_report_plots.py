"""What the report's plots and sentences say: hand-made cases, and properties."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from report_detection import power_table
from report_inputs import PAIR, energy_table, report_inputs, rows, study_rows, test_of
from scored import matrix
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.summary import Metrics
from spikesound.models.layers import Kind, Layer
from spikesound.params import Params
from spikesound.report import anytime, break_even, clips, energy, robustness, study, verdict
from spikesound.report.comparison import ordered_pairs
from spikesound.report.confusion import most_confused
from spikesound.report.front_plot import ACCURACY
from spikesound.report.inputs import ReportInputs
from spikesound.report.numbers import NONE, interval, number, p_value, points, share, times
from spikesound.report.pareto import dominated, front, name_places
from spikesound.report.record import first_layer
from spikesound.report.results import COLUMNS, ResultFolders, Results, read_results
from spikesound.report.theme import looks

SPIKING, TWIN = PAIR
PAIRS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def inputs(params: Params) -> ReportInputs:
    return report_inputs(params)


def test_a_point_is_dominated_by_one_that_costs_less_and_gains_as_much() -> None:
    assert dominated([1, 2, 3, 3], [5, 5, 9, 8]) == [False, True, False, True]
    assert front([1, 2, 3, 3], [5, 5, 9, 8]) == [(1, 5), (3, 9)]
    assert dominated([1, 1], [2, 2]) == [False, False]


@pytest.mark.slow
@given(PAIRS)
def test_the_front_beats_all_else_and_rises(pairs: list[tuple[int, int]]) -> None:
    costs, gains = [c for c, _ in pairs], [g for _, g in pairs]
    line = front(costs, gains)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(line))
    for cost, gain in pairs:
        assert any(c <= cost and g >= gain for c, g in line)


def test_names_stand_on_different_sides_or_are_left_out() -> None:
    alone = name_places(["snn-cnn"], [0.5], [0.5], [(0.0, 1.0)], (0.0, 1.0))
    assert alone == ["top right"]
    many = name_places(["snn-cnn"] * 9, [0.5] * 9, [0.5] * 9, [(0.0, 1.0)] * 9, (0.0, 1.0))
    kept = [side for side in many if side]
    assert len(kept) == len(set(kept)) < 9


def test_the_first_setting_is_the_one_of_the_summary(inputs: ReportInputs) -> None:
    table = energy_table([TWIN, SPIKING], [SPIKING])
    assert energy.default_setting(table, inputs.summary) == ("fp32_45nm", "weight_stationary")
    without: dict[str, Metrics] = {TWIN: {}, SPIKING: {}}
    assert energy.default_setting(table, without) == ("fp32_45nm", "no_reuse")


def test_the_energy_plot_has_a_view_for_every_setting_of_its_switches(
    inputs: ReportInputs,
) -> None:
    look = looks(inputs.models, inputs.table)
    assert inputs.results.energy is not None
    plot = energy.energy_plot(inputs.results.energy, inputs.summary, look)
    assert plot is not None
    sizes = [len(choice.options) for choice in plot.choices]
    assert len(plot.views) == np.prod(sizes) == 18
    bare = plot.views["operations|fp32_45nm|no_reuse"]
    mine = next(series for series in bare.series if series.name == SPIKING)
    assert mine.x == [0.061], "in µJ"
    assert mine.y == [float(inputs.summary[SPIKING]["accuracy"]) * 100]
    assert f"{SPIKING} " in bare.alt
    assert len({(mark.family, mark.symbol) for mark in look.values()}) == len(look)


def test_the_break_even_plot_shows_the_model_and_ends_where_it_never_wins(
    inputs: ReportInputs,
) -> None:
    table = inputs.results.break_even
    assert table is not None
    setting = ("int8_45nm", "no_reuse")
    plot = break_even.break_even_plot(
        table, inputs.summary, looks(inputs.models, inputs.table), PAIR, setting
    )
    assert plot is not None
    assert [choice.value for choice in plot.choices] == [f"{SPIKING} against {TWIN}", *setting]
    lines = {series.name: series for series in plot.first.series}
    memory = lines["break-even, with memory"]
    assert memory.x == [1, 2, 4, 8, 16]
    assert memory.y[-1] is None
    assert memory.y[0] == pytest.approx(32)
    assert (lines[SPIKING].x, lines[SPIKING].y) == ([4], [pytest.approx(14)])
    assert "never at 16 steps" in plot.first.alt


@pytest.mark.slow
def test_levels_go_from_clean_to_worst(inputs: ReportInputs) -> None:
    table = inputs.results.robustness
    assert table is not None
    shown = robustness.plots(table, looks(inputs.models, inputs.table))
    assert [len(shown[group]) for group in robustness.GROUPS] == [4, 6, 5]
    texts = {plot.id: plot.x.texts for group in shown.values() for plot in group}
    assert texts["plot-white"] == ["clean", "20", "10", "0", "−10"]
    assert texts["plot-reverberation"] == ["clean", "0.3", "1"]
    assert texts["plot-low-pass"] == ["clean", "4,000", "1,000"]
    assert texts["plot-dropped-spikes"] == ["clean", "10", "30"]
    white = shown["noise"][0].first.series[0]
    assert white.y == sorted(white.y, reverse=True)  # type: ignore[type-var]


@pytest.mark.slow
def test_an_unknown_condition_is_shown_by_its_own_name(inputs: ReportInputs) -> None:
    table = inputs.results.robustness
    assert table is not None
    strange = table.replace({"condition": {"gain": "wind_gusts"}})
    shown = robustness.plots(strange, looks(inputs.models, inputs.table))
    assert [plot.title for plot in shown["change"]][-1] == "Wind gusts"


@pytest.mark.slow
def test_a_level_that_one_model_lacks_is_a_gap(inputs: ReportInputs) -> None:
    table = inputs.results.robustness
    assert table is not None
    fewer = table[~((table["model"] == TWIN) & (table["level"] == 10))]
    white = robustness.plots(fewer, looks(inputs.models, inputs.table))["noise"][0]
    mine = next(series for series in white.first.series if series.name == TWIN)
    assert [value is None for value in mine.y] == [False, False, True, False, False]
    json.dumps([mine.y, mine.low], allow_nan=False)


def test_anytime_points_are_those_of_the_table(inputs: ReportInputs) -> None:
    table = inputs.results.anytime
    assert table is not None
    steps, seconds = anytime.plots(table, looks(inputs.models, inputs.table))
    mine = next(series for series in steps.first.series if series.name == SPIKING)
    assert mine.x == [1, 2, 3, 4]
    assert seconds.title == "Over seconds of input"
    assert (
        len(anytime.plots(table[table["axis"] == "steps"], looks(inputs.models, inputs.table))) == 1
    )


def test_a_setting_is_the_mean_of_its_seeds_and_the_spread_between_them() -> None:
    found = study.settings(study_rows()).set_index("setting")
    assert found.loc["snn T=4", "accuracy"] == pytest.approx(0.86)
    assert found.loc["snn T=4", "lowest"] == pytest.approx(0.85)
    assert found.loc["snn T=4", "seeds"] == 3


def test_the_study_names_the_cheapest_spiking_setting_near_enough() -> None:
    rows = study_rows()
    said = study.sentence(rows)
    assert "snn T=4 (86.0 % on the test clips, at a spike rate of 10.0 %), which needs 1.71" in said
    lucky = rows.assign(accuracy=np.where(rows["setting"] == "snn T=1", 0.99, rows["accuracy"]))
    assert "the cheapest snn T=4" in study.sentence(lucky), "chosen by validation"
    validation = np.where(rows["family"] == "snn", 0.5, rows["validation_accuracy"])
    low = rows.assign(validation_accuracy=validation)
    assert "none of the 3 spiking settings comes within 2 points" in study.sentence(low)
    assert study.sentence(rows[rows["family"] == "ann"]) == ""


def summary_of(spiking: Metrics, twin: Metrics) -> dict[str, Metrics]:
    return {TWIN: twin, SPIKING: spiking, "dataset": {"confidence": 0.95, "clips_scored": 400}}


def figures(accuracy: float, operations: float = 1.0, memory: float = 1.0) -> Metrics:
    return {
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.03,
        "accuracy_high": accuracy + 0.03,
        "energy_operations_nj": operations,
        "energy_nj": memory,
        "spike_rate": 0.14,
        "steps": 4,
    }


@pytest.mark.parametrize(
    ("difference", "p", "says"),
    [
        (0.02, 0.3, "no difference shown"),
        (0.05, 0.01, "the spiking network is more accurate"),
        (-0.05, 0.01, "the spiking network is less accurate"),
        (-0.05, 0.05, "no difference shown"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_verdict_on_accuracy_is_the_paired_tests(
    difference: float, p: float, says: str, turned: bool
) -> None:
    name = f"{TWIN} vs {SPIKING}" if turned else f"{SPIKING} vs {TWIN}"
    results = Results(comparisons={name: test_of(-difference if turned else difference, p)})
    said = verdict.on_accuracy(summary_of(figures(0.86), figures(0.86)), results, PAIR)
    assert says in said
    low, high = points(difference - 0.03), points(difference + 0.03)
    assert f"({points(difference)} points, 95 % interval {low} to {high}; " in said


@pytest.mark.parametrize(
    ("accuracy", "says"),
    [
        (0.85, "overlap, which shows no difference"),
        (0.70, "do not overlap, so the spiking network is less accurate"),
        (0.97, "do not overlap, so the spiking network is more accurate"),
    ],
)
def test_without_a_paired_test_only_intervals_speak(accuracy: float, says: str) -> None:
    said = verdict.on_accuracy(summary_of(figures(accuracy), figures(0.86)), Results(), PAIR)
    assert says in said
    assert "no paired test was made" in said


@pytest.mark.parametrize(
    ("operations", "memory", "says"),
    [
        (0.5, 0.5, "needs less by both accounts"),
        (0.5, 2.0, "needs less only as long as memory is left out"),
        (2.0, 0.5, "needs less only once memory is counted"),
        (2.0, 1.0, "does not need less by either account"),
    ],
)
def test_the_verdict_on_energy_gives_both_accounts(
    operations: float, memory: float, says: str
) -> None:
    summary = summary_of(figures(0.86, operations, memory), figures(0.86))
    said = verdict.on_energy(summary, Results(), PAIR, {})
    assert says in said
    assert f"{operations:.2f} times" in said
    assert f"{memory:.2f} times" in said


def test_the_verdict_sets_the_spike_rate_against_the_break_even_rate() -> None:
    summary = summary_of(figures(0.86, 0.5, 2.0), figures(0.86))
    row = ["fp32_45nm", "no_reuse"]
    table = pd.DataFrame(
        [
            [m, way, *row, *[1.0] * 8, e]
            for m, way, e in ((TWIN, "dense", 1.0), (SPIKING, "events", 2.0))
        ],
        columns=energy_table([]).columns,
    )

    def said(rate: float) -> str:
        rates = pd.DataFrame(
            [[SPIKING, TWIN, *row, "memory", 4, rate]],
            columns=COLUMNS["break_even"],
        )
        return verdict.on_energy(summary, Results(energy=table, break_even=rates), PAIR, {})

    assert "it fires at 14.0 %, above its break-even rate with memory, 5.0 %." in said(0.05)
    assert "below its break-even rate with memory, 20.0 %." in said(0.2)
    assert "no spike rate would be low enough" in said(float("nan"))


def test_without_energy_or_without_a_pair_nothing_is_claimed(params: Params) -> None:
    models = rows(params)
    bare: dict[str, Metrics] = {"accuracy": 0.8, "accuracy_low": 0.7, "accuracy_high": 0.9}  # type: ignore[dict-item]
    summary = summary_of(dict(bare), dict(bare))  # type: ignore[arg-type]
    assert verdict.verdict(summary, Results(), models)[1] == verdict.NO_ENERGY
    del summary[SPIKING]
    assert verdict.verdict(summary, Results(), models) == [verdict.NO_PAIR]


def test_the_verdict_is_on_the_spiking_model_with_a_twin_that_validation_chose(
    params: Params,
) -> None:
    models = rows(params)
    spiking = models["snn-cnn-surrogate"]
    for network in ("lstm", "vgg"):
        row = spiking.row.model_copy(update={"network": network})
        models[f"snn-{network}-surrogate"] = replace(spiking, row=row)
    summary = {
        "ann-cnn": figures(0.9),
        "ann-lstm": figures(0.9),
        "snn-cnn-surrogate": figures(0.9) | {"validation_accuracy": 0.7},
        "snn-lstm-surrogate": figures(0.85) | {"validation_accuracy": 0.8},
        "snn-vgg-surrogate": figures(0.99) | {"validation_accuracy": 0.9},
        "dataset": {},
    }
    assert ordered_pairs(summary, models, ACCURACY)[0] == ("snn-lstm-surrogate", "ann-lstm")


def test_clips_are_chosen_from_each_kind_of_mistake_the_surest_first() -> None:
    truth = np.eye(2, dtype=bool)[[0] * 6]
    ours = matrix([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.9, 0.1]], truth)
    theirs = matrix([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.9, 0.1], [0.4, 0.6], [0.9, 0.1]], truth)
    found = clips.choose_clips({"a": ours, "b": theirs}, ["a", "b"], most=3)
    assert found == ["clip0000", "clip0002", "clip0004"]
    every = clips.choose_clips({"a": ours, "b": theirs}, ["a", "b"])
    assert every == ["clip0000", "clip0001", "clip0002", "clip0004"]
    assert clips.choose_clips({"a": ours}, ["a"], most=1) == ["clip0000"]


def test_sound_is_brought_to_the_pages_rate_and_repeats() -> None:
    wave = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    first = clips.sound_uri(wave, 48000)
    assert first == clips.sound_uri(wave, 48000)
    assert len(first) < 40_000


def test_the_most_confused_pairs_come_first() -> None:
    counts = np.array([[9, 2, 0], [5, 9, 1], [0, 0, 9]])
    assert most_confused(counts, ["a", "b", "c"]) == [("b", "a", 5), ("a", "b", 2), ("b", "c", 1)]


def test_numbers_as_they_are_shown() -> None:
    assert [number(x) for x in (1234.5, 12.345, 0.012345, 0, -1.5)] == [
        "1,234",
        "12.3",
        "0.0123",
        "0",
        "−1.50",
    ]
    assert number(None) == number(float("nan")) == number("none") == NONE
    assert (share(0.8625), points(-0.0251), points(-0.0001)) == ("86.2 %", "−2.5", "0.0")
    assert interval(0.8, 0.9) == "80.0–90.0"
    assert [p_value(p) for p in (0.0001, 0.0321, 0.5)] == ["p < 0.001", "p = 0.032", "p = 0.50"]
    assert [times(x) for x in (0.642, 250.0)] == ["0.64", "250"]


class Spiking(nn.Module):
    """Two steps of a convolution with the project's neuron."""

    kind: Kind = "convolution"

    def __init__(self, params: Params) -> None:
        super().__init__()
        from spikesound.snn.neurons import NEURONS

        self.neuron = NEURONS["lif"](params.neurons["lif"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.neuron(x[:, :, None].expand(-1, -1, 3, -1, -1) * 5)
        return out

    def layers(self) -> list[Layer]:
        return [Layer("first", self.kind, self.neuron, "input", neuron=self.neuron)]


class Detecting(Spiking):
    """The same over frames: (frame, batch, channel, bin)."""

    kind = "causal_convolution"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.neuron(x[:, :, None].expand(-1, -1, 3, -1) * 1.2)
        return out


@pytest.mark.slow
def test_the_first_layers_spikes_are_shares_at_its_own_places(params: Params) -> None:
    x = np.zeros((2, 4, 3), np.float32)
    x[:, 1, 2] = 1
    found = first_layer(Spiking(params), x)
    assert found is not None
    assert found.shape == (2, 4, 3)
    np.testing.assert_array_equal(found, x)
    assert first_layer(nn.Identity(), x) is None
    frames = first_layer(Detecting(params), x[0])
    assert frames is not None
    assert frames.shape == (1, 4, 3)
    np.testing.assert_array_equal(frames[0], x[0])


def read(folder: Path, task: str = "classification") -> Results:
    folders = ResultFolders(
        costs=folder,
        compared_tables=folder / "compared_tables",
        compared=folder,
        classes=folder / "classes",
        evaluation=folder,
        latency=folder / "latency.json",
        study=folder / "study.json",
    )
    return read_results(task, folders, [SPIKING, TWIN])


def written(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert read(tmp_path) == Results()


def test_measurements_are_read_back(inputs: ReportInputs, tmp_path: Path) -> None:
    results = inputs.results
    assert results.energy is not None
    results.energy.to_csv(tmp_path / "energy.csv", index=False)
    rows = study_rows().to_dict("records")
    written(tmp_path, "study.json", json.dumps({"manifest": "x", "rows": rows}))
    (tmp_path / TWIN).mkdir()
    results.operations[TWIN].to_csv(tmp_path / TWIN / "operations.csv", index=False)
    found = read(tmp_path)
    assert found.energy is not None
    pd.testing.assert_frame_equal(found.energy, results.energy)
    assert found.study is not None
    assert len(found.study) == len(rows)
    assert list(found.operations) == [TWIN]


def test_a_detectors_energy_is_its_power(inputs: ReportInputs, tmp_path: Path) -> None:
    power_table([SPIKING, TWIN], [SPIKING]).to_csv(tmp_path / "energy.csv", index=False)
    table = inputs.results.robustness
    assert table is not None
    (tmp_path / "compared_tables").mkdir()
    table.to_csv(tmp_path / "compared_tables" / "robustness.csv", index=False)
    found = read(tmp_path, "detection")
    assert found.energy is None
    assert found.power is not None
    assert set(found.power["model"]) == {SPIKING, TWIN}
    assert found.robustness is not None
    with pytest.raises(SpikesoundError, match=r"energy\.csv: column operations_nj"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "energy.csv",
            "model,profile\n",
            r"energy\.csv: column execution, dataflow, operations_nj",
        ),
        ("latency.json", "{", r"latency\.json: invalid JSON"),
        ("comparisons.json", "[]", r"comparisons\.json: expected a mapping"),
        ("study.json", '{"rows": [{"setting": "a"}]}', r"study\.json: rows without family"),
    ],
)
def test_a_damaged_measurement_is_named(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        read(written(tmp_path, name, content))


def test_models_beside_the_summary_are_left_out_of_its_plots(inputs: ReportInputs) -> None:
    results: Any = inputs.results
    stranger = results.energy.assign(model="ann-vgg")
    both = replace(results, energy=pd.concat([results.energy, stranger]))
    assert both.energy is not None
    plot = energy.energy_plot(both.energy, inputs.summary, looks(inputs.models, inputs.table))
    assert plot is not None
    assert "ann-vgg" not in {series.name for series in plot.first.series}
