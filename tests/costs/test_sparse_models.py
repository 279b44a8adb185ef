"""Prices of sparse models: bits of spiking networks, zeros that graded events leave out."""

from __future__ import annotations

from typing import Any

import pytest
from project import ROOT

from spikesound.costs.layer import LayerCounts
from spikesound.costs.models import counts_of
from spikesound.costs.spans import OWN, span
from spikesound.costs.tables import own_profile, price
from spikesound.experiments.accounts import account_figures, mean_spans, spans_of
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import changed

ROW = {"task": "classification", "network": "cnn", "recipe": "snn", "reads": "spikes"}
SPIKING = ROW | {"neuron": "lif", "needs": "clips/classification"}
TWIN = ROW | {"neuron": "relu", "reads": "features/classification"}
TWIN |= {"needs": "models/classification/ann-cnn"}
LAYER = LayerCounts(
    "convolution_2", "convolution", "spikes", "ac", "lif", 2, 2, 100, 50, 900, 2, 1e4, 1e3, 20.0,
    10.0, 100.0, 800.0,
)  # fmt: skip
VALUES = LayerCounts(
    "convolution_2", "convolution", "activations", "mac", "sigma_delta", 1, 1, 100, 50, 900, 2, 1e4,
    1e3, 20.0, 10.0, 50.0, 1e3,
)  # fmt: skip


def params_with(**models: Any) -> Params:
    rows = {f"models.{name}": row for name, row in models.items()}
    none = {"costs.accounts.features": [False], "costs.accounts.static": [False]}
    return Params.of(changed(read_sections(ROOT / "params.yaml"), rows | none))


def test_a_spiking_network_of_few_bits_is_priced_in_its_own() -> None:
    params = params_with(sparse=SPIKING | {"method": "regularised"})
    counts = counts_of(params.model("sparse"), [LAYER], params.costs)
    assert (counts.execution, counts.weight_bits, counts.activation_bits) == ("events", 8, None)
    assert own_profile(counts, params.costs) == "int8_45nm"
    plain = counts_of(params.model("snn-cnn-surrogate"), [LAYER], params.costs)
    assert plain.weight_bits is None
    assert own_profile(plain, params.costs) == params.costs.profile
    eight, full = (price(each, params.costs, "int8_45nm", "no_reuse") for each in (counts, plain))
    assert eight == full, "the profile has 8 bits"


def test_graded_events_leave_zeros_out() -> None:
    params = params_with(delta=TWIN | {"method": "sigma_delta", "recipe": "ann"})
    counts = counts_of(params.model("delta"), [VALUES], params.costs)
    assert (counts.execution, counts.weight_bits, counts.activation_bits) == ("zero_skipping", 8, 4)
    dense = price(counts, params.costs, "int8_45nm", "no_reuse", "dense").operations_nj
    sparse = price(counts, params.costs, "int8_45nm", "no_reuse").operations_nj
    assert sparse == pytest.approx(dense / 10)


def test_figures_over_accounts_are_those_of_the_spans() -> None:
    params = params_with(sparse=SPIKING | {"method": "regularised"})
    counts = counts_of(params.model("sparse"), [LAYER], params.costs)
    spans = spans_of(counts, params.costs)
    every = [nj for designs in span(counts, params.costs, OWN).values() for nj in designs.values()]
    own = account_figures(spans)["own"]
    assert own["lowest_nj"] == round(min(every), 1)
    assert own["highest_nj"] == round(max(every), 1)
    assert own["lowest_nj"] <= own["plain_nj"] <= own["full_nj"] <= own["highest_nj"]
    assert own["plain_design"].startswith("events, ")


def test_a_mean_of_spans_has_the_designs_of_one_way_to_fetch() -> None:
    params = params_with(sparse=SPIKING | {"method": "regularised"})
    counts = counts_of(params.model("sparse"), [LAYER], params.costs)
    spans = spans_of(counts, params.costs)
    mixed = mean_spans([(0.25, spans), (0.75, spans)], fetch="step")
    for precision, scopes in mixed.items():
        for scope, designs in scopes.items():
            assert {design.fetch for design in designs} == {"step"}
            for design, nj in designs.items():
                assert nj == pytest.approx(spans[precision][scope][design])
