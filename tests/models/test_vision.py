"""Networks of torchvision as networks of code: what they are given, their counts, their weights."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from network_specs import spec
from project import ROOT

from spikesound.core import own_code
from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.models.build import build
from spikesound.models.spec import Spec
from spikesound.params import CodeParams, Params

CODE = f"{ROOT / 'networks/vision.py'}:Vision"
X = torch.rand(1, 2, 90, 3 * 80, generator=torch.Generator().manual_seed(0))


def wanted(params: Params, name: str, **arguments: Any) -> Spec:
    given = {"code": CODE, "arguments": {"name": name, **arguments}}
    section = CodeParams.model_validate(given | {"input": "image", "call": "whole"})
    own_code.allow(section.sha256)
    code = {"network": "code", "network_params": section.model_dump()}
    return spec(params, "cnn", **code, bins=X.shape[3])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weights"), [("resnet18", 11.18), ("densenet121", 6.957), ("inception_v3", 21.79)]
)
def test_a_network_is_torchvisions_and_is_counted(
    name: str, weights: float, params: Params
) -> None:
    pytest.importorskip("torchvision")
    found = wanted(params, name)
    torch.manual_seed(0)
    network: Any = build(found).eval()
    image = torch.stack([X[0, :, :, place * 80 : place * 80 + 80] for place in range(3)], 1)
    with torch.inference_mode():
        expected = network.run.inner.net(image.transpose(2, 3))
        assert torch.allclose(network(X), expected, atol=1e-5)
    counted = Counted()
    with torch.inference_mode(), counting(network, found, counted):
        network(X)
    synapses = [layer for layer in counted.layers if layer.operation == "mac" and layer.dense]
    assert sum(layer.weights for layer in synapses) / 1e6 == pytest.approx(weights, rel=0.01)
    first = counted.layers[0]
    assert first.source == "sound"
    # In training, too, and with the batch of a clip at the least.
    network.train()(X).sum().backward()
    assert all(each.grad is not None for each in network.parameters())


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_weights_of_a_file_are_those_of_the_network(
    name: str, tmp_path: Path, params: Params
) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(1)
    old = models.get_model(name).state_dict()
    # DenseNet's published files have names of before.
    names = {key: re.sub(r"(denselayer\d+\.(norm|conv))(\d)", r"\1.\3", key) for key in old}
    torch.save({names[key]: value for key, value in old.items()}, tmp_path / "published.pth")
    found: Any = build(wanted(params, name, weights=str(tmp_path / "published.pth")))
    mine = found.run.inner.net.state_dict()
    same = {key for key in old if torch.equal(old[key], mine.get(key, torch.zeros(())))}
    assert {key.rpartition(".")[0] for key in old.keys() - same} <= {"fc", "classifier"}


def test_weights_that_cannot_be_had_are_one_line(params: Params) -> None:
    pytest.importorskip("torchvision")
    with pytest.raises(SpikesoundError, match=r"vision\.py:Vision: .*IMAGENET9") as caught:
        build(wanted(params, "resnet18", weights="IMAGENET9"))
    assert "\n" not in str(caught.value)
    with pytest.raises(SpikesoundError, match=r"FileNotFoundError: .*none\.pth"):
        build(wanted(params, "resnet18", weights="none.pth"))


def test_a_package_that_is_not_there_is_named(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(SpikesoundError, match=r"pip install 'spikesound\[vision\]'"):
        build(wanted(params, "resnet18"))
