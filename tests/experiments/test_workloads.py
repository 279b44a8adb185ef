"""Guidance by workload: each statement's rule at its borders, and the tables of two papers."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from project import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import experiment_tables
import systems_table

from spikesound.experiments.workloads import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_DECIDED,
    Guidance,
    Workload,
    better_on_spikes,
    bought,
    cheaper,
    clips,
    guidance,
    no_better_on_frames,
    streams,
)

TWINS = [("snn", "ann"), ("snn", "ann int8")]


def workload(low: float, high: float, **costs: tuple[float, float, float]) -> Workload:
    ends = {"": (low + high) / 2, "_low": low, "_high": high}
    row = {f"accuracy_difference{end}": str(value) for end, value in ends.items()}
    summary = {
        name: {key: values[place] for key, values in costs.items()}
        for place, name in enumerate(("snn", "ann", "ann int8"))
    }
    return clips(summary, [row | {"pair": "snn vs ann"}, row | {"pair": "snn vs logistic"}], TWINS)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.05, 0.01, HOLDS), (-0.05, 0.03, NOT_DECIDED), (0.01, 0.05, DOES_NOT_HOLD)],
)
def test_no_better_than_the_twin_alone(low: float, high: float, verdict: str) -> None:
    (found,) = no_better_on_frames(workload(low, high))
    assert found.workload == "clips: snn vs ann", "the logistic regression is no twin"
    assert found.verdict == verdict
    signs = f"[{100 * low:+.1f} to {100 * high:+.1f}]"
    assert signs in found.figure


@pytest.mark.parametrize(
    ("spent", "verdict"),
    [((1, 2, 3), HOLDS), ((4, 2, 3), DOES_NOT_HOLD), ((2.5, 2, 3), "it depends")],
)
def test_a_cost_is_less_for_all_twins_or_for_none(
    spent: tuple[float, float, float], verdict: str
) -> None:
    by_cost = {each.statement: each for each in cheaper(workload(0, 0, memory_own_kb=spent))}
    found = by_cost["Cheaper than the twin: memory"]
    assert found.verdict == verdict
    assert found.figure == f"{spent[0] / 2:.2f} of ann; {spent[0] / 3:.2f} of ann int8"
    assert {each.verdict for each in by_cost.values() if each is not found} == {NOT_DECIDED}


def row(setting: str, accuracy: float, nj: float, *, half: float = 0.01) -> dict[str, Any]:
    return {
        "setting": setting, "seed": 1, "accuracy": accuracy, "accuracy_low": accuracy - half,
        "accuracy_high": accuracy + half, "energy_nj": nj,
    }  # fmt: skip


def traded(*rows: dict[str, Any]) -> Guidance:
    names = ("few", "some", "many")
    return bought("s", "p", rows, names, lambda each: str(each["setting"]))


def test_what_costs_more_is_more_accurate_or_not() -> None:
    few, some = row("few", 0.7, 1000), row("some", 0.75, 2000)
    found = traded(few, some, row("many", 0.8, 3000))
    assert found.verdict == HOLDS
    assert found.figure.startswith(
        "few: 70.0 %, 1 µJ; some: 75.0 %, 2 µJ; many: 80.0 %, 3 µJ; +10.0"
    )
    assert traded(few, some, row("many", 0.8, 1500)).verdict == DOES_NOT_HOLD, "no cost"
    assert traded(few, some, row("many", 0.69, 3000)).verdict == DOES_NOT_HOLD, "no gain"
    assert traded(few, some, row("many", 0.72, 3000, half=0.1)).verdict == NOT_DECIDED
    assert traded(few, some).figure == "–"


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [(0.9, 0.5, HOLDS), (0.5, 0.9, DOES_NOT_HOLD), (0.8, 0.8, NOT_DECIDED)],
)
def test_better_on_spikes_of_a_sensor(ours: float, theirs: float, verdict: str) -> None:
    settings = {"centred": {"all": ours}, "nearest histogram": {"all": theirs}}
    found = better_on_spikes({"recordings": 100, "settings": settings})
    assert found.verdict == verdict
    assert found.figure.endswith("100 recordings")


def test_without_results_nothing_is_decided() -> None:
    found = guidance([clips({}, [], TWINS), streams({}, [], [])], [], {})
    assert {each.verdict for each in found} == {NOT_DECIDED}
    assert {each.figure for each in found} == {"–"}


def made(name: str) -> dict[str, Any]:
    """Rows of an experiment, with what its table shows."""
    levels = {
        "white": (20.0, 10.0, 0.0), "weight_noise": (0.1, 0.2, 0.4), "stuck_silent": (0.05, 0.2),
        "stuck_firing": (0.01, 0.05),
    }  # fmt: skip
    robustness = [
        {"condition": condition, "level": level, "accuracy": 0.5 + level / 100}
        for condition, values in levels.items()
        for level in values
    ]
    ties = [{"accuracy": 0.5, "accuracy_ties_right": 0.75, "tied": 0.3, "tied_all": 0.1}]
    figures = {
        "steps": 4, "stable_steps_median": 3.0, "spikes_per_clip": 12345.6, "effective_acs": 2.5e6,
        "accounts": {"own": {"plain_nj": 7000.0}}, "spike_rate": 0.01, "validation_accuracy": 0.6,
        "robustness": robustness, "ties": ties,
    }  # fmt: skip
    return {"rows": [row("rate", 0.5, 0.0) | figures], "planned": 4}


def test_the_tables_of_two_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment_tables, "content", made)
    head, _, line, *rest = experiment_tables.codes().splitlines()
    assert "Weights off by 0.1, 0.2, 0.4 of their deviation" in head
    assert line == (
        "| rate | 4 | 50.0 % [49.0–51.0] | 3 | 12,346 | 2.50 | 7 | 70.0, 60.0, 50.0 % "
        "| 50.1, 50.2, 50.4 % | 50.0, 50.2 % | 50.0, 50.0 % |"
    )
    assert rest[-1].startswith("1 of 4 rows")
    line = experiment_tables.proxy().splitlines()[2]
    assert line == (
        "| rate | 4 | 60.0 % | 50.0 % [49.0–51.0] | 75.0 % | 30.0 % | 10.0 % | 1.0 % | 2.50 |"
    )


def test_a_figure_of_a_probe_is_found_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems_table, "read", made)
    path = ["experiments/study.json", "rows", "rate", "ties"]
    assert systems_table.figure([*path, 0, "accuracy_ties_right"]) == 0.75
    assert systems_table.figure([*path, 1, "accuracy_ties_right"]) is None
