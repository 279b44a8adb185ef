"""Exports: the file, read back by its own program, gives the same output."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import BINS, CLASSES, LIF, NAMES, adaptive, classifier, detector
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.export import EXPORTS, export
from spikesound.models.export.exported import Exported, checked, probe
from spikesound.models.export.nir_neurons import DT_S, neuron_nodes
from spikesound.models.export.nir_runner import run
from spikesound.models.layers import Layer
from spikesound.models.loading import TrainedModel, load
from spikesound.params import LIFParams, Params
from spikesound.snn.neurons import NEURONS

nir = pytest.importorskip("nir")


@pytest.mark.parametrize(
    ("reset", "kinds"),
    [("subtract", {nir.LIF}), ("zero", {nir.LIF}), ("none", {nir.LI, nir.Threshold})],
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
    nodes = [node for node in graph.nodes.values() if type(node) in (nir.LIF, *kinds)]
    assert {type(node) for node in nodes} == kinds
    resets = {node.metadata["reset"] for node in nodes if "reset" in node.metadata}
    assert resets == ({reset} if nir.LIF in kinds else set()), (
        "a neuron without a reset has no such metadata"
    )
    assert any("v_reset" in note for note in done.notes) == (nir.LIF in kinds)


def test_all_spikes_of_a_classifier_in_nir_are_equal(tmp_path: Path, params: Params) -> None:
    done = export(classifier("cnn", params, spiking=True), "nir", tmp_path / "m.nir")
    assert done.spikes is not None
    assert done.spikes > 100
    assert any("cannot be expressed in NIR" in note for note in done.notes)


class Dense(nn.Module):
    """Two layers of neurons, each a linear map of all that the one before puts out at a step."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        lif = LIFParams.model_validate(LIF)
        self.one, self.two = nn.Linear(inputs, 12), nn.Linear(12, 8, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.neurons = nn.ModuleList([NEURONS["lif"](lif), NEURONS["lif"](lif)])
        self.readout = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.neurons[0](self.one(x.flatten(2)))
        x = self.neurons[1](self.norm(self.two(x).flatten(0, 1)).view(*x.shape[:2], -1))
        scores: torch.Tensor = self.readout(x.mean(0))
        return scores

    def layers(self) -> list[Layer]:
        one = Layer("one", "linear", self, "input", self.one, neuron=self.neurons[0])
        two = Layer("two", "linear", self, "spikes", self.two, self.norm, self.neurons[1])
        return [one, two, Layer("readout", "linear", self, "pooled", self.readout, readout=True)]


def test_nir_takes_any_network_by_its_layers(tmp_path: Path, params: Params) -> None:
    model = classifier("cnn", params, spiking=True, encoding="rate", steps=8)
    torch.manual_seed(2)
    network = Dense(26 * BINS, len(CLASSES)).eval()
    with torch.no_grad():
        network.one.weight.mul_(4)
        network.two.weight.mul_(4)
        network.norm.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
    done = export(TrainedModel(model.spec, network), "nir", tmp_path / "m.nir")
    assert done.spikes is not None
    assert done.spikes > 20
    assert {"one_flatten", "one_neuron", "two_neuron"} < nir.read(tmp_path / "m.nir").nodes.keys()


def test_a_leak_of_nir_is_that_of_the_step() -> None:
    """By hand: beta 0.5, theta 1, currents 0.8: U = 0.8, 1.2 (spike), 0.4, 1.0, 1.3 (spike)."""
    full = [np.full(1, x) for x in (DT_S / 0.5, 1 / 0.5, 0.0, 1.0, 0.0)]
    nodes = {
        "input": nir.Input({"input": np.array([1])}),
        "neuron": nir.LIF(*full, metadata={"reset": "subtract"}),
        "output": nir.Output({"output": np.array([1])}),
    }
    graph = nir.NIRGraph(nodes, [("input", "neuron"), ("neuron", "output")])
    found = run(graph, np.full((5, 1), 0.8), DT_S)["output"]
    assert found[:, 0].tolist() == [0, 1, 0, 0, 1]


def test_a_neuron_that_neither_leaks_nor_resets_is_an_integrator_and_a_threshold() -> None:
    neuron = NEURONS["lif"](LIFParams.model_validate(LIF | {"reset": "none", "beta": 0.5}))
    nn.init.ones_(neuron.beta)
    parts = neuron_nodes(neuron, "layer", (1,))
    nodes = {
        "input": nir.Input({"input": np.array([1])}),
        **parts,
        "output": nir.Output({"output": np.array([1])}),
    }
    assert [type(node) for node in parts.values()] == [nir.I, nir.Threshold]
    graph = nir.NIRGraph(nodes, list(pairwise(nodes)))
    currents = np.array([[0.7], [0.7], [-0.5], [0.2]])  # U = 0.7, 1.4 (spike), 0.9, 1.1 (spike)
    assert run(graph, currents, DT_S)["output"][:, 0].tolist() == [0, 1, 0, 1]
    assert neuron(torch.from_numpy(currents).float()).flatten().tolist() == [0, 1, 0, 1]


def test_nirtorch_and_snntorch_run_the_graph_to_the_same_spikes(
    tmp_path: Path, params: Params
) -> None:
    """Neither the reader of the graph nor its neurons are ours."""
    nirtorch = pytest.importorskip("nirtorch")
    snntorch = pytest.importorskip("snntorch")
    model = classifier("cnn", params, spiking=True)
    export(model, "nir", tmp_path / "m.nir")
    graph = nir.read(tmp_path / "m.nir")

    class Neuron(nn.Module):
        def __init__(self, node: nir.LIF) -> None:
            super().__init__()
            beta = 1 - DT_S / node.tau.flat[0]
            self.neuron = snntorch.Leaky(
                torch.tensor(beta, dtype=torch.float64), reset_mechanism="subtract"
            )

        def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple:
            spikes, state = self.neuron(x, torch.zeros_like(x) if state is None else state)
            return spikes.double(), state

    network = nirtorch.nir_to_torch(graph, {nir.LIF: Neuron}, dtype=torch.float64)
    inputs = torch.from_numpy(probe(26, 16, 1)).half().double()[None, None]
    state, spikes = None, []
    for _ in range(model.spec.steps):
        out, state = network(inputs, state)
        spikes.append(out[0])
    ours = run(graph, np.broadcast_to(inputs.numpy()[0], (4, 1, 26, 16)), DT_S)["output"]
    assert ours.sum() > 50
    np.testing.assert_array_equal(torch.stack(spikes).detach().numpy(), ours)


@pytest.mark.slow
def test_a_conventional_detector_is_one_step_in_onnx(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    done = export(detector("crnn_lstm"), "onnx", tmp_path / "m.onnx")
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
    assert list(EXPORTS) == ["nir", "onnx", "torchscript", "safetensors"]
