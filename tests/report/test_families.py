"""Families, twins and variants by the facts in the table of models."""

from __future__ import annotations

from dataclasses import replace

from report_inputs import rows

from spikesound.params import Params
from spikesound.report.families import family, twin_pairs, variants


def test_a_family_is_what_the_table_says(params: Params) -> None:
    table = rows(params)
    assert family("ann-cnn", table) == "ann"
    assert family("ann-cnn-int8", table) == "ann"
    assert family("snn-cnn-surrogate", table) == "snn"
    assert family("baseline-logistic", table) == "baseline"


def test_names_do_not_matter(params: Params) -> None:
    table = rows(params)
    renamed = {"quiet": table["snn-cnn-surrogate"], "loud": table["ann-cnn"]}
    assert [family(name, renamed) for name in ("quiet", "loud", "ann-x")] == [
        "snn",
        "ann",
        "baseline",
    ]
    assert twin_pairs(["quiet", "loud"], renamed) == [("quiet", "loud")]


def test_a_spiking_model_finds_its_twin(params: Params) -> None:
    table = rows(params)
    assert twin_pairs(list(table), table) == [("snn-cnn-surrogate", "ann-cnn")]
    assert twin_pairs(["snn-cnn-surrogate", "ann-lstm"], table) == [], "its twin is not there"
    own = replace(table["snn-cnn-surrogate"], method_params=params.methods["stdp"])
    assert twin_pairs(list(table), table | {"snn-cnn-surrogate": own}) == [], "a network of its own"


def test_a_recurrent_detector_of_adaptive_neurons_stands_beside_the_gru(params: Params) -> None:
    table = rows(params, "detection")
    pairs = dict(twin_pairs(list(table), table))
    assert pairs["snn-tcn-weak"] == "ann-tcn-weak"
    assert pairs["snn-alif-both"] == "ann-gru-both"


def test_variants_are_those_fine_tuned_from_a_model(params: Params) -> None:
    table = rows(params)
    names = ["ann-cnn", "ann-cnn-int8", "ann-lstm", "snn-cnn-surrogate", "baseline-logistic"]
    assert variants("ann-cnn", names, table) == ["ann-cnn-int8"]
    assert variants("ann-lstm", names, table) == []
