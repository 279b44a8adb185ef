"""The table of models: what each of its rules refuses, and what a row resolves to."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.params import (
    ENCODING_PARAMS,
    METHOD_PARAMS,
    NETWORK_PARAMS,
    NEURON_PARAMS,
    Entries,
    LIFParams,
    Params,
    ReLUParams,
    twins,
)

CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
ANN, SNN, DETECTOR, TUNED = "ann-cnn", "snn-cnn-surrogate", "snn-tcn-strong", "ann-cnn-int8"

WRONG_ROWS = [  # row, what is changed in it, what the message must say
    (ANN, {"task": "tagging"}, "unknown models.ann-cnn.task 'tagging'; valid: classification, det"),
    (ANN, {"network": "ccnn"}, "models.ann-cnn.network 'ccnn'.*'cnn'.*valid: clip_.*, cnn, crnn"),
    (ANN, {"neuron": "rely"}, "models.ann-cnn.neuron 'rely'.*'relu'.*valid: alif"),
    (ANN, {"method": "bptt"}, "models.ann-cnn.method 'bptt'; valid: backprop, convert"),
    (ANN, {"recipe": "bnn"}, "models.ann-cnn.recipe 'bnn'.*valid: ann, detector_ann"),
    (
        ANN,
        {"network": "tcn"},
        "for classification, network 'tcn'.*valid: clip_.*, cnn, delayed, densenet, .*resnet, rnn",
    ),
    (DETECTOR, {"network": "cnn"}, "for detection, network 'cnn'.*valid: .*lsnn, tcn"),
    (ANN, {"neuron": "lif"}, "method 'backprop' trains conventional networks; neuron 'lif' spikes"),
    (SNN, {"neuron": "relu"}, "'surrogate' trains spiking networks; network 'cnn' with neuron 're"),
    (SNN, {"network": "lstm"}, "trains spiking networks; network 'lstm' with neuron 'lif' does no"),
    (ANN, {"reads": "spikes"}, "models.ann-cnn.reads 'spikes'; valid: features/classification$"),
    (SNN, {"reads": "features/classification"}, "surrogate.reads .*; valid: spikes$"),
    (DETECTOR, {"reads": "spikes"}, "snn-tcn-strong.reads 'spikes'; valid: features/detection$"),
    (ANN, {"needs": "models/classification/ann-lstm"}, "ann-cnn.needs .*valid: clips/classificat"),
    (
        TUNED,
        {"needs": "clips/classification"},
        "int8.needs .*valid: models/classification/ann-cnn$",
    ),
    (TUNED, {"needs": "models/classification/ann-lstm"}, "int8.needs .*valid: .*/ann-cnn$"),
    (TUNED, {"needs": "models/classification/ann-cnn-int3"}, "int8.needs .*valid: .*/ann-cnn$"),
    (
        ANN,
        {"method": "transfer", "needs": "models/classification/ann-lstm"},
        "ann-cnn.needs: method 'transfer' starts from a model below data/base/, base/<name>; got",
    ),
    (ANN, {"labels": "weak"}, "models.ann-cnn.labels: strong, weak or both, of detection and no"),
    (DETECTOR, {"labels": None}, "models.snn-tcn-strong.labels: strong, weak or both, of detecti"),
    (DETECTOR, {"labels": "soft"}, "models.snn-tcn-strong.labels: .*'both', got 'soft'"),
    (ANN, {"netwrok": "cnn"}, "key of models.ann-cnn 'netwrok'.*'network'"),
]


@pytest.mark.parametrize(("row", "changes", "message"), WRONG_ROWS)
def test_a_wrong_row_is_one_line(row: str, changes: dict[str, Any], message: str) -> None:
    content = copy.deepcopy(CONTENT)
    content["models"][row] |= changes
    with pytest.raises(SpikesoundError, match=message) as caught:
        Params.of(content)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_no_row_is_named(params: Params) -> None:
    with pytest.raises(SpikesoundError, match=r"unknown model 'ann-cnm'.*'ann-cnn'"):
        params.model("ann-cnm")


def test_a_row_resolves_to_kinds_and_their_parameters(params: Params) -> None:
    model = params.model(DETECTOR)
    assert (model.task, model.labels, model.base) == ("detection", "strong", None)
    assert (model.network, model.neuron, model.method) == ("tcn", "lif", "surrogate")
    assert isinstance(model.neuron_params, LIFParams)
    assert model.neuron_params.reset == "none", "of the entry lif_no_reset"
    assert model.recipe == params.recipes["detector_snn"]
    assert model.spiking
    tuned = params.model(TUNED)
    assert (tuned.method, tuned.base, tuned.spiking) == ("fine_tune", ANN, False)


def test_a_method_with_a_network_of_its_own_has_no_twin() -> None:
    content = copy.deepcopy(CONTENT)
    content["models"]["snn-som"] = CONTENT["models"][SNN] | {"method": "som"}
    table = Params.of(content).table()
    assert table["snn-som"].spiking
    assert not [pair for pair in twins(table) if "snn-som" in pair]


def test_twins_share_network_and_labels(params: Params) -> None:
    pairs = twins(params.table())
    assert (SNN, ANN) in pairs
    assert (SNN, TUNED) in pairs
    assert ("snn-alif-weak", "ann-gru-weak") in pairs, "an LSNN is compared with a GRU"
    assert not [pair for pair in pairs if pair[0].endswith("weak") != pair[1].endswith("weak")]
    assert not [pair for pair in pairs if "lstm" in pair[1]]


@pytest.mark.parametrize(
    "registry", [ENCODING_PARAMS, METHOD_PARAMS, NETWORK_PARAMS, NEURON_PARAMS]
)
def test_kinds_are_listed_where_one_is_unknown(registry: dict[str, Any]) -> None:
    with pytest.raises(SpikesoundError, match=r"unknown .*'none'") as caught:
        Entries("parts", registry, {"none": {}})
    assert all(name in str(caught.value) for name in registry)


def test_an_entry_is_of_the_kind_it_names_or_of_its_own_name() -> None:
    entries = Entries(
        "neurons", NEURON_PARAMS, {"relu": {}, "plain": {"kind": "relu"}, "two": {"kind": "relu"}}
    )
    assert [entries.kind(name) for name in entries] == ["relu"] * 3
    assert entries["plain"] == entries["two"] == ReLUParams()
    assert len(entries) == 3
    with pytest.raises(SpikesoundError, match=r"unknown entry of neurons 'plane'.*'plain'"):
        entries["plane"]
    with pytest.raises(SpikesoundError, match="unknown entry of neurons 'three'"):
        entries.kind("three")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "neurons: not a mapping"),
        ({"relu": None}, "neurons.relu: not a mapping of parameters"),
        ({"mine": {}}, "'mine'; valid: alif"),
        ({"mine": {"kind": "rely"}}, "unknown neurons.mine.kind 'rely'.*'relu'"),
        ({"mine": {"kind": "relu", "beta": 1}}, "unknown key of neurons.mine 'beta'"),
        ({"quantised_relu": {}}, "neurons.quantised_relu.levels: missing"),
    ],
)
def test_a_wrong_entry_is_one_line(content: Any, message: str) -> None:
    with pytest.raises(SpikesoundError, match=message) as caught:
        Entries("neurons", NEURON_PARAMS, content)
    assert "\n" not in str(caught.value)


def test_a_copy_can_have_one_more_entry() -> None:
    entries = Entries("neurons", NEURON_PARAMS, {"relu": {}})
    more = entries.with_entry("mine", "relu", ReLUParams())
    assert list(more) == ["relu", "mine"]
    assert more.kind("mine") == "relu"
    assert list(entries) == ["relu"]


def test_a_row_cannot_name_a_neuron_that_methods_make() -> None:
    content = copy.deepcopy(CONTENT)
    content["neurons"]["once"] = {"kind": "single_spike"}
    content["models"][SNN] |= {"neuron": "once"}
    with pytest.raises(SpikesoundError, match="neuron 'once' is made by a training method"):
        Params.of(content)


def test_several_spikes_a_frame_are_of_a_network_that_counts_them() -> None:
    content = copy.deepcopy(CONTENT)
    content["models"][SNN] |= {"neuron": "multi_spike_lif"}
    with pytest.raises(SpikesoundError, match=r"neuron 'multi_spike_lif'.*valid: tcn"):
        Params.of(content)


@pytest.mark.parametrize(
    ("method", "neuron", "needs"),
    [("distilled", "lif", SNN), ("single_spike", "lif", ANN), ("sigma_delta", "relu", ANN)],
)
def test_sparse_methods_start_from_the_network_or_its_twin(
    method: str, neuron: str, needs: str
) -> None:
    content = copy.deepcopy(CONTENT)
    row = CONTENT["models"][SNN if neuron == "lif" else ANN]
    content["models"]["new"] = row | {
        "method": method, "needs": f"models/classification/{needs}",
    }  # fmt: skip
    assert Params.of(content).model("new").base == needs
    wrong = {ANN: SNN, SNN: ANN}[needs]
    content["models"]["new"]["needs"] = f"models/classification/{wrong}"
    with pytest.raises(SpikesoundError, match=rf"new\.needs .*valid: .*{needs}"):
        Params.of(content)


def with_teacher(row: str, **changes: Any) -> dict[str, Any]:
    """The file's content with a recipe of its own for a row, which has a teacher."""
    content = copy.deepcopy(CONTENT)
    teacher = {"models": ["ann-lstm"], "temperature": 2.0, "weight": 0.5}
    recipe = content["recipes"][content["models"][row]["recipe"]] | {"teacher": teacher}
    content["recipes"]["taught"] = recipe
    content["models"][row] |= {"recipe": "taught"} | changes
    return content


def test_a_recipe_names_the_rows_that_teach() -> None:
    assert Params.of(with_teacher(SNN)).model(SNN).teachers == ["ann-lstm"]
    assert Params.of(CONTENT).model(SNN).teachers == []


def test_a_teacher_that_reads_spikes_teaches_those_that_do() -> None:
    """The stage of a row that reads features alone does not wait for spikes."""
    content = with_teacher("ann-cnn")
    content["recipes"]["taught"]["teacher"]["models"] = [SNN]
    with pytest.raises(SpikesoundError, match=r"reads what models\.ann-cnn does, or features"):
        Params.of(content)


@pytest.mark.parametrize(
    ("row", "changes", "message"),
    [
        (DETECTOR, {}, "snn-tcn-strong.recipe: recipes.taught.teacher is of classification"),
        (SNN, {"method": "stdp"}, "with recipes.taught.teacher, method 'stdp'; valid: backprop"),
        ("ann-lstm", {}, "has no teacher and reads .* 'ann-lstm'.*valid: ann-cnn, "),
    ],
)
def test_a_teacher_that_does_not_go_with_a_row_is_one_line(
    row: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message) as caught:
        Params.of(with_teacher(row, **changes))
    assert "\n" not in str(caught.value)
