"""Networks of a user's own: what is refused, what runs, what is counted by hand."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import toy_clips
import yaml
from network_specs import encoded, spec
from project import ROOT
from torch import nn
from typer.testing import CliRunner

from spikesound.apps import api
from spikesound.apps.cli import app
from spikesound.core import own_code
from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.evaluation.robustness.faults import faulty, firing
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.layers import layers_of, spiking_neurons
from spikesound.models.spec import Spec
from spikesound.params import CodeParams, Params
from spikesound.snn.decoding import recorded_spikes

EXAMPLE = ROOT / "networks/snntorch_example.py"

LOOP = """
import snntorch as snn
import torch
from torch import nn
from typer.testing import CliRunner

class Net(nn.Module):
    def __init__(self, bins, classes):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(bins, 4, bias=False), nn.Linear(4, classes, bias=False)
        nn.init.ones_(self.fc1.weight)
        nn.init.ones_(self.fc2.weight)
        self.lif1 = snn.{neuron}
        self.lif2 = snn.Leaky(beta=0.5, threshold=100.0)

    def forward(self, x):
        {start}
        mem2, spikes, mems = self.lif2.init_leaky(), [], []
        for step in x:
            {call}
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            mems.append(mem2)
        return torch.stack(spikes), torch.stack(mems)

class Layers(nn.Sequential):
    def __init__(self, bins, classes):
        super().__init__(
            nn.Linear(bins, 4), snn.Leaky(0.5, init_hidden=True),
            nn.Linear(4, classes), snn.Leaky(0.5, init_hidden=True, output=True),
        )

class Conventional(nn.Sequential):
    def __init__(self, classes, width=3):
        super().__init__(
            nn.Conv2d(1, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(width, classes),
        )

class Fixed(nn.Sequential):
    def __init__(self, bins, classes, frames=12):
        super().__init__(nn.Flatten(), nn.Linear(frames * bins, classes))

class Wrong(nn.Module):
    def forward(self, x):
        return x.mean(0)

class Fails(nn.Module):
    def __init__(self, depth):
        super().__init__()

class NoModule:
    pass

def made():
    return Wrong()
"""
LEAKY = {
    "neuron": "Leaky(beta=0.5)",
    "start": "mem1 = self.lif1.init_leaky()",
    "call": "spk1, mem1 = self.lif1(self.fc1(step), mem1)",
}


def written(folder: Path, **parts: str) -> Path:
    path = folder / "net.py"
    path.write_text(LOOP.format(**LEAKY | parts), encoding="utf-8")
    return path


def code(path: Path, name: str = "Net", *, allow: bool = True, **values: Any) -> CodeParams:
    given = {"code": f"{path}:{name}", "arguments": {}, "input": "frames", "call": "whole"}
    section = CodeParams.model_validate(given | values)
    if allow:
        own_code.allow(section.sha256)
    return section


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(own_code.ALLOWED, "")


def own(params: Params, section: CodeParams, neuron: str = "own", **changes: Any) -> Spec:
    values = {"network": "code", "network_params": section.model_dump(), "neuron": neuron}
    return spec(params, "cnn", **values, neuron_params={}, **changes)


def made(params: Params, section: CodeParams, neuron: str = "own", **changes: Any) -> nn.Module:
    torch.manual_seed(0)
    return build(own(params, section, neuron, **changes)).eval()


X = torch.rand(1, 2, 12, 20, generator=torch.Generator().manual_seed(0))


def test_a_network_is_what_its_own_loop_gives(params: Params) -> None:
    network = made(params, code(EXAMPLE))
    inner: Any = network.run.inner
    with torch.no_grad():
        scores = network(X)
        spikes, _ = inner(X[0].transpose(0, 1))
    assert scores.shape == (2, 3)
    assert torch.equal(scores, spikes.sum(0))
    with torch.no_grad():
        assert torch.equal(network(X), scores), "from rest at each call"
    network.train()(X)
    copy.deepcopy(network)  # no history is left in its neurons


def test_each_frame_is_given_for_all_of_its_steps(tmp_path: Path, params: Params) -> None:
    network: Any = made(params, code(written(tmp_path)), steps=3)
    spikes = torch.rand(3, 2, 12, 20).round()
    given = network.given(spikes)
    assert given.shape == (36, 2, 20)
    assert torch.equal(given[3 * 5 + 1], spikes[1, :, 5])
    assert torch.equal(network.given(X)[7], X[0, :, 2]), "values are repeated: direct coding"
    by_step: Any = made(params, code(tmp_path / "net.py", input="steps"), steps=3)
    assert torch.equal(by_step.given(spikes), spikes)
    weighted: Any = made(params, code(tmp_path / "net.py"), steps=3, step_weights=[1.0, 2.0, 4.0])
    assert torch.equal(weighted.given(spikes)[2], 4 * spikes[2, :, 0])


def test_a_network_is_called_by_step(tmp_path: Path, params: Params) -> None:
    network: Any = made(params, code(written(tmp_path), "Layers", call="step"))
    inner = network.run.inner
    for module in (inner[1], inner[3]):
        module.reset_mem()
    with torch.no_grad():
        expected = sum(inner(frame)[0] for frame in X[0].transpose(0, 1))
        assert torch.equal(network(X), expected)


@pytest.mark.parametrize("readout", ["membrane_sum", "membrane_maximum", "first_spike"])
def test_membranes_or_first_spikes_are_read(readout: str, tmp_path: Path, params: Params) -> None:
    network = made(params, code(written(tmp_path)), readout=readout)
    with torch.no_grad():
        scores = network(X)
    if readout == "first_spike":
        assert (scores == -12).all(), "the output neurons stay silent"
    else:
        assert (scores > 0).all()


def test_counts_by_hand(tmp_path: Path, params: Params) -> None:
    network = made(params, code(written(tmp_path)), steps=2, **encoded(params, "rate"))
    x = torch.zeros(2, 3, 2, 20)  # step, clip, frame, bin
    x[0, :, 0, :2] = 1.0  # two spikes: a current of 2 to all four, which spike once, then rest
    counted = Counted()
    with (
        torch.inference_mode(),
        counting(
            network, own(params, code(tmp_path / "net.py"), **encoded(params, "rate")), counted
        ),
    ):
        network(x)
    layers = {layer.layer: layer for layer in counted.layers}
    assert list(layers) == ["fc1", "fc2"]
    first, second = layers["fc1"], layers["fc2"]
    assert (first.operation, first.passes, first.dense, first.effective) == ("ac", 4, 4 * 80, 8)
    assert (first.neuron, first.active_outputs, first.neuron_updates) == ("lif", 4, 16)
    assert (second.source, second.effective, second.active_outputs) == ("spikes", 12, 0)


def test_recurrent_synapses_are_counted(tmp_path: Path, params: Params) -> None:
    path = written(
        tmp_path,
        neuron="RLeaky(beta=0.5, linear_features=4)",
        start="spk1, mem1 = self.lif1.init_rleaky()",
        call="spk1, mem1 = self.lif1(self.fc1(step), spk1, mem1)",
    )
    network: Any = made(params, code(path), steps=2, **encoded(params, "rate"))
    nn.init.zeros_(network.run.inner.lif1.recurrent.weight)
    nn.init.zeros_(network.run.inner.lif1.recurrent.bias)
    x = torch.zeros(2, 1, 2, 20)
    x[0, :, 0, :2] = 1.0  # all four spike once, in the first of four steps
    counted = Counted()
    with (
        torch.inference_mode(),
        counting(network, own(params, code(path), **encoded(params, "rate")), counted),
    ):
        network(x)
    layers = {layer.layer: layer for layer in counted.layers}
    assert layers["lif1.recurrent"].effective == 4 * 4
    assert layers["lif1.recurrent"].operation == "ac"
    assert layers["fc1"].neuron == "lif"


def test_spikes_are_recorded_clip_by_clip_and_faults_reach_them(params: Params) -> None:
    network = made(params, code(EXAMPLE))
    nn.init.uniform_(network.get_parameter("run.inner.fc1.weight"), 0, 0.3)
    nn.init.uniform_(network.get_parameter("run.inner.fc2.weight"), 0, 0.3)
    with torch.no_grad(), recorded_spikes(spiking_neurons(network)) as spikes:
        scores = network(X)
    assert [tuple(each.shape) for each in spikes] == [(12, 2, 64), (12, 2, 3)]
    assert torch.equal(spikes[-1].sum(0), scores)
    assert scores.any()
    peaks = firing(network, lambda each: each(X))
    with torch.no_grad():
        assert not faulty(network, "stuck_silent", 1.0, 0, peaks)(X).any()
        assert (faulty(network, "stuck_firing", 1.0, 0, peaks)(X) == 12).all()
        assert torch.equal(network(X), scores), "the network itself is as it was"
    assert layers_of(network)[-1].readout


def test_its_twin_has_relu_in_the_place_of_spikes(params: Params) -> None:
    network: Any = made(params, code(EXAMPLE), "relu")
    inner, x = network.run.inner, X[0].transpose(0, 1)
    with torch.no_grad():
        expected = inner.fc2(torch.relu(inner.fc1(x))).mean(0)
        assert torch.allclose(network(X), expected, atol=1e-6)
    assert not list(spiking_neurons(network))
    scores: torch.Tensor = network(X)
    scores.sum().backward()
    assert inner.fc1.weight.grad.any()


def test_a_conventional_module_is_a_network(tmp_path: Path, params: Params) -> None:
    section = code(written(tmp_path), "Conventional", input="image", arguments={"width": 5})
    network: Any = made(params, section, "relu")
    assert network.run.inner[0].out_channels == 5
    with torch.no_grad():
        assert torch.equal(network(X), network.run.inner(X[0][:, None]))
    counted = Counted()
    with torch.inference_mode(), counting(network, own(params, section, "relu"), counted):
        network(X)
    first = counted.layers[0]
    assert (first.layer, first.operation, first.dense) == ("0", "mac", 5 * 10 * 18 * 9)


def test_a_network_of_a_fixed_size_gets_shorter_clips_with_silence(
    tmp_path: Path, params: Params
) -> None:
    network = made(params, code(written(tmp_path), "Fixed", input="image"), "relu").train()
    network(X)
    padded = torch.cat([X[:, :, :7], torch.zeros(1, 2, 5, 20)], 2)
    with torch.no_grad():
        assert torch.equal(network.eval()(X[:, :, :7]), network(padded))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("Wrong", {}, r"Wrong: expected forward to return \(time, batch, class\) .* got \(2, 20\)"),
        ("Fails", {}, r"net\.py:Fails: TypeError: .*depth"),
        ("Net", {"arguments": {"width": 3}}, r"net\.py:Net: TypeError: .*width"),
        ("NoModule", {}, r"NoModule: expected a torch module, got NoModule"),
        ("Conventional", {"input": "image"}, "input 'image': expected an input of one step"),
    ],
)
def test_code_that_does_not_fit_is_one_line(
    name: str, values: dict[str, Any], message: str, tmp_path: Path, params: Params
) -> None:
    section = code(written(tmp_path), name, **values)
    with pytest.raises(SpikesoundError, match=message) as caught:
        made(params, section)(X.expand(3, *X.shape[1:]) if name == "Conventional" else X)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "content", "message"),
    [
        ("net.py", None, "code 'net.py': expected file.py:Class"),
        ("none.py:Net", None, "none.py: no such file"),
        ("net.py:Ned", "class Net: pass", "unknown class in .*net.py 'Ned' .*'Net'.*valid: Net"),
        ("net.py:Net", "def Net(): pass", "net.py: no class in it; expected 'Net'"),
        ("net.py:Net", "class Net:\n  def", "net.py, line 2: not Python: "),
    ],
)
def test_a_file_or_class_that_is_missing_is_one_line(
    given: str, content: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("net.py").write_text(content, encoding="utf-8")
    rows = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    row = rows["models"]["snn-cnn-surrogate"]
    rows["models"]["own"] = row | {"network": given, "neuron": "own"}
    if ":" in given:
        with pytest.raises(SpikesoundError, match=message) as caught:
            Params.of(rows)
        assert str(caught.value).startswith("models.own.network: ")
    rows["models"].pop("own")
    entry = {"kind": "code", "code": given, "arguments": {}, "input": "frames", "call": "whole"}
    rows["networks"]["mine"] = entry
    with pytest.raises(SpikesoundError, match=f"networks.mine: .*{message}") as caught:
        Params.of(rows)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neuron": "lif"}, "models.own.neuron: neuron 'lif' does not go with network '.*Net'"),
        ({"method": "convert"}, "for a network of code, method 'convert'; valid: backprop, surr"),
        ({"network": "cnn"}, "models.own.neuron: neuron 'own' does not go with network 'cnn'"),
        ({"neuron": "relu"}, "'surrogate' trains spiking networks; .* 'relu' does not spike"),
    ],
)
def test_parts_that_do_not_go_with_code_are_refused(changes: dict[str, str], message: str) -> None:
    rows = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    row = rows["models"]["snn-cnn-surrogate"] | {"network": f"{EXAMPLE}:Net", "neuron": "own"}
    rows["models"]["own"] = row | changes
    with pytest.raises(SpikesoundError, match=message):
        Params.of(rows)


def test_code_runs_only_where_it_is_allowed(tmp_path: Path, params: Params) -> None:
    path = written(tmp_path)
    section = code(path, allow=False)
    with pytest.raises(SpikesoundError, match=r"executed only where a row .* --run-code"):
        made(params, section)
    own_code.allow(section.sha256)
    made(params, section)
    assert os.environ[own_code.ALLOWED] == section.sha256, "processes started here know it"
    path.write_text(path.read_text() + "# more\n")
    with pytest.raises(SpikesoundError, match=r"net\.py: has changed since the model was trained"):
        made(params, section)


def test_a_row_of_params_yaml_allows_its_code(tmp_path: Path) -> None:
    rows = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    path = written(tmp_path)
    row = rows["models"]["snn-cnn-surrogate"] | {"network": f"{path}:Net", "neuron": "own"}
    rows["models"]["own"] = row
    model = Params.of(rows).model("own")
    assert (model.network, model.spiking) == ("code", True)
    assert isinstance(model.network_params, CodeParams)
    assert own_code.allowed() == [model.network_params.sha256]


@pytest.mark.slow
def test_a_models_file_runs_code_only_where_a_person_says_so(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"network": "code", "network_params": code(EXAMPLE).model_dump(), "neuron": "own"}
    wanted = toy_clips.spec(params, spiking=True, neuron_params={}, **values)
    path = tmp_path / "model.safetensors"
    file.save(path, wanted, build(wanted))
    monkeypatch.setenv(own_code.ALLOWED, "")
    with pytest.raises(SpikesoundError, match=r"executed only where .* --run-code"):
        api.load(path)
    arguments = ["export", str(path), "--to", "safetensors", "--out", str(tmp_path / "out.st")]
    assert isinstance(CliRunner().invoke(app, arguments).exception, SpikesoundError)
    done = CliRunner().invoke(app, [*arguments, "--run-code"])
    assert "read back: largest difference 0" in done.output
    assert own_code.allowed() == [own_code.ANY]
    monkeypatch.setenv(own_code.ALLOWED, "")
    found = api.load(path, run_code=True).predict(torch.zeros(22050).numpy(), 22050)
    assert sum(found.values()) == pytest.approx(1)
    assert own_code.allowed() == [values["network_params"]["sha256"]], "and no other file"
