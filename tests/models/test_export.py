"""Exports: the file, read back by its own program, gives the same output."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_network import dense
from small_models import BINS, CLASSES, LIF, NAMES, adaptive, classifier, detector, several_spikes
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.export import EXPORTS, export
from spikesound.models.export.exported import Exported, checked
from spikesound.models.export.nir_neurons import DT_S, gain, neuron_node, reset_nodes
from spikesound.models.export.nir_runner import run
from spikesound.models.export.plain import plain_loops
from spikesound.models.layers import recorded
from spikesound.models.loading import TrainedModel, load
from spikesound.params import LIFParams, Params
from spikesound.snn.neurons import NEURONS

nir = pytest.importorskip("nir")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reset", "kinds"),
    [("subtract", {nir.CubaLIF}), ("zero", {nir.LIF}), ("none", {nir.CubaLIF})],
)
def test_all_spikes_of_a_detector_in_nir_are_equal(
    tmp_path: Path, reset: str, kinds: set[type]
) -> None:
    done = export(detector("tcn", neuron=LIF | {"reset": reset}), "nir", tmp_path / "m.nir")
    assert done.spikes is not None
    assert done.spikes > 100
    assert done.difference < 1e-12
    graph = nir.read(tmp_path / "m.nir")
    assert json.loads(graph.metadata["names"]) == NAMES
    neurons = (nir.LIF, nir.CubaLIF)
    assert {type(node) for node in graph.nodes.values() if isinstance(node, neurons)} == kinds
    assert any(name.endswith("_reset") for name in graph.nodes) == (reset == "subtract")
    assert not any("reset" in node.metadata for node in graph.nodes.values())
    assert done.notes == []


def test_numbers_of_spikes_in_nir_are_neurons_side_by_side(tmp_path: Path) -> None:
    model = several_spikes("none")
    done = export(model, "nir", tmp_path / "m.nir")
    assert done.spikes is not None
    assert done.difference < 1e-12
    nodes = nir.read(tmp_path / "m.nir").nodes
    thresholds = {
        name.removeprefix("convolution_1_neuron_"): float(node.v_threshold.flat[0])
        for name, node in nodes.items()
        if name.startswith("convolution_1_neuron")
    }
    assert thresholds == {"1": 0.5, "2": 1.5, "3": 2.5}
    x = torch.rand(12, 1, model.spec.bins, generator=torch.Generator().manual_seed(1)).double()
    plain = plain_loops(model, torch.float64)
    with torch.no_grad(), recorded(plain.network) as outputs:
        plain.network(x)
    found = run(nir.read(tmp_path / "m.nir"), x.numpy(), DT_S)["convolution_1_counts"]
    assert set(np.unique(found)) == {0, 1, 2, 3}
    assert np.array_equal(found, outputs[0].squeeze(1).numpy())


@pytest.mark.parametrize("pool", ["average", "outputs"])
def test_all_spikes_of_a_classifier_in_nir_are_equal(
    pool: str, tmp_path: Path, params: Params
) -> None:
    done = export(classifier("cnn", params, spiking=True, pool=pool), "nir", tmp_path / "m.nir")
    assert done.spikes is not None
    assert done.spikes > 100
    assert any("cannot be expressed in NIR" in note for note in done.notes)


def test_nir_takes_any_network_by_its_layers(tmp_path: Path, params: Params) -> None:
    model = classifier("cnn", params, spiking=True, encoding="rate", steps=8)
    network = dense(26 * BINS, len(CLASSES), LIF)
    done = export(TrainedModel(model.spec, network), "nir", tmp_path / "m.nir")
    assert done.spikes is not None
    assert done.spikes > 20
    assert {"one_flatten", "one_neuron", "two_neuron"} < nir.read(tmp_path / "m.nir").nodes.keys()


def alone(neuron: nn.Module, currents: np.ndarray) -> list[float]:
    """Return the spikes of one neuron by the graph of its nodes."""
    cycle = reset_nodes(neuron, "layer", (1,))
    nodes = {
        "input": nir.Input({"input": np.array([1])}),
        "neuron": neuron_node(neuron, "layer", (1,)),
        "output": nir.Output({"output": np.array([1])}),
    }
    back = list(pairwise(["neuron", *cycle, "neuron"])) if cycle else []
    graph = nir.NIRGraph(nodes | cycle, [*pairwise(nodes), *back])
    found: list[float] = run(graph, gain(neuron, "layer") * currents, DT_S)["output"][:, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("reset", "spikes"),
    [
        ("subtract", [0, 1, 0, 0, 1]),  # U = 0.8, 1.2, 0.6 + 0.8 - 1 = 0.4, 1.0, 1.3
        ("zero", [0, 1, 0, 1, 0]),  # U = 0.8, 1.2, 0.8, 1.2, 0.8
        ("none", [0, 1, 1, 1, 1]),  # U = 0.8, 1.2, 1.4, 1.5, 1.55
    ],
)
def test_resets_in_nir_by_hand(reset: str, spikes: list[int]) -> None:
    """Decay 0.5, threshold 1, currents 0.8."""
    neuron = NEURONS["lif"](LIFParams.model_validate(LIF | {"reset": reset, "beta": 0.5}))
    assert alone(neuron, np.full((5, 1), 0.8)) == spikes
    assert neuron(torch.full((5, 1), 0.8)).flatten().tolist() == spikes


@pytest.mark.parametrize(
    ("reset", "spikes"),
    [
        ("subtract", [0, 1, 1, 0, 1]),  # U = 0.7, 1.4, 1.1, 0.8, 1.5
        ("zero", [0, 1, 0, 1, 0]),  # U = 0.7, 1.4, 0.7, 1.4, 0.7
        ("none", [0, 1, 1, 1, 1]),
    ],
)
def test_resets_without_a_leak_in_nir_by_hand(
    reset: str, spikes: list[int], params: Params
) -> None:
    """Threshold 1, currents 0.7."""
    neuron = NEURONS["lif"](LIFParams.model_validate(LIF | {"reset": reset}))
    nn.init.ones_(neuron.beta)
    integrate = NEURONS["integrate_and_fire"](params.neurons["integrate_and_fire"])
    for each in [neuron, integrate] if reset == "subtract" else [neuron]:
        assert alone(each, np.full((5, 1), 0.7)) == spikes
        assert each(torch.full((5, 1), 0.7)).flatten().tolist() == spikes


@pytest.mark.slow
def test_a_conventional_detector_is_one_step_in_onnx(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    done = export(detector("crnn_lstm"), "onnx", tmp_path / "m.onnx", features=True)
    assert done.difference < 1e-5
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_inputs()[0].name == "frame"
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == CLASSES


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize("name", ["snn-alif", "ann-gru"])
def test_a_detector_is_one_step_in_torchscript(tmp_path: Path, params: Params, name: str) -> None:
    made = {
        "snn-alif": lambda: adaptive(params),
        "ann-gru": lambda: detector("crnn_gru"),
    }[name]()
    assert export(made, "torchscript", tmp_path / "m.pt").difference < 1e-6
    found = {"names": ""}
    torch.jit.load(str(tmp_path / "m.pt"), _extra_files=found)
    assert json.loads(found["names"]) == NAMES


def test_one_safe_file_holds_all_of_a_classifier(tmp_path: Path, params: Params) -> None:
    made = classifier("cnn", params, spiking=True, encoding="rate")
    assert export(made, "safetensors", tmp_path / "m.safetensors").difference == 0
    assert load(tmp_path / "m.safetensors").labels == NAMES


def test_what_a_format_cannot_express_is_named(tmp_path: Path, params: Params) -> None:
    out = tmp_path / "out"
    refused = [
        (adaptive(params), "nir", "layer 'recurrent_1' of kind 'recurrent' cannot be expressed"),
        (detector("tcn"), "nir", "layer 'convolution_1': neuron ReLU cannot be"),
        (detector("tcn", neuron=LIF | {"refractory": 2}), "nir", "'convolution_1': neuron LIF"),
        (classifier("gru", params, spiking=False), "nir", "of kind 'gated' cannot be"),
        (several_spikes("subtract"), "nir", "MultiSpikeLIF with reset 'subtract' cannot be"),
        (detector("tcn", neuron=LIF), "onnx", "layer 'convolution_1' is spiking"),
        (detector("tcn"), "flac", "unknown format 'flac'"),
    ]
    for model, to, why in refused:
        with pytest.raises(SpikesoundError, match=why):
            export(model, to, out)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_gives_other_outputs_is_not_kept(tmp_path: Path) -> None:
    for difference in (0.1, float("nan")):
        (tmp_path / "m").write_text("")
        with pytest.raises(SpikesoundError, match="from the model's; deleted"):
            checked(Exported(tmp_path / "m", difference, 1))
        assert not (tmp_path / "m").exists()


def test_every_format_is_named() -> None:
    assert list(EXPORTS) == ["nir", "onnx", "torchscript", "safetensors", "int8", "c"]
