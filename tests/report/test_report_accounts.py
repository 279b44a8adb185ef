"""Energy over all accounts on the page: shares by account, the cheapest of each side, the front."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_inputs import report_inputs

from spikesound.evaluation.measures import CLASSIFICATION
from spikesound.params import Params
from spikesound.report import accounts
from spikesound.report.shared_sections import over_accounts
from spikesound.report.theme import looks

OURS = "snn-cnn-surrogate"


@pytest.fixture(scope="module")
def tables(params: Params) -> accounts.Tables:
    results = report_inputs(params).results
    assert results.shares is not None
    assert results.parts is not None
    assert results.bounds is not None
    return accounts.Tables(results.shares, results.parts, results.bounds, "nj")


def test_shares_by_account_are_the_spiking_energy_over_each_opponents(
    tables: accounts.Tables,
) -> None:
    shares = accounts.part_shares(tables, OURS, "int8_45nm")
    stated, biased = shares.loc["stated"], shares.loc["biases: true"]
    spent = tables.parts.set_index(["model", "execution", "part"])["total_nj"]
    twin = spent["ann-cnn", "dense", "stated"]
    assert stated["ann-cnn, dense"] == 10 / twin
    assert biased["ann-cnn, zeros skipped"] == 20 / twin
    heads = accounts.parts_table(tables, OURS, "int8_45nm").heads
    assert heads[0] == "Account"
    assert not any("lstm" in head for head in heads), "which is no opponent"


def test_the_cheapest_of_each_side_that_reaches_an_accuracy(tables: accounts.Tables) -> None:
    names = list(tables.bounds["model"].unique())
    other = next(name for name in names if name.startswith("ann-cnn"))
    summary = {OURS: {"accuracy": 0.8}, other: {"accuracy": 0.9}}
    spiking = {OURS: True, other: False}
    (high, at_high), (low, at_low) = accounts.cheapest_rows(
        tables, summary, spiking, CLASSIFICATION[0]
    )
    assert (high, low) == (0.9, 0.8)
    assert at_high[True, "best"] is None, "the spiking one does not reach it"
    assert at_low[True, "best"] == (OURS, 10.0)
    assert at_low[True, "worst"] == (OURS, 40.0)
    assert at_low[False, "best"] == at_high[False, "best"]
    table = accounts.cheapest_table(tables, summary, spiking, CLASSIFICATION[0])
    assert table.rows[0][1] == "–"


def test_the_section_has_the_front_at_both_extremes(params: Params) -> None:
    inputs = report_inputs(params)
    section = over_accounts(inputs, looks(inputs.models, inputs.table))
    views = section.values["plot"].views
    assert {"own|best", "own|worst"} <= set(views)
    points = {each.name: each.x[0] for each in views["own|best"].series if each.kind != "front"}
    dear = {each.name: each.x[0] for each in views["own|worst"].series if each.kind != "front"}
    assert points[OURS] == 10
    assert dear == {name: 4 * nj for name, nj in points.items()}
    assert "times the energy of ann-cnn" in section.values["sentence"]


def test_a_run_without_the_tables_says_how_to_make_them(params: Params) -> None:
    inputs = report_inputs(params)
    without = replace(inputs, results=replace(inputs.results, shares=None))
    section = over_accounts(without, looks(inputs.models, inputs.table))
    assert section.missing == ("Accounts were", "dvc repro")
