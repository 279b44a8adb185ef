"""ResNet and DenseNet in small: what they compute, spikes that are added up, and their counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from network_specs import encoded, spec, spiking
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models.build import build
from spikesound.models.layers import layers_of
from spikesound.models.plain_modules import PlainModules
from spikesound.models.spec import Spec
from spikesound.params import Params
from spikesound.training.methods.convert import check_convertible

SMALL = {
    "channels": [2, 4], "kernel": 3, "pool": "average", "dropout": 0.0, "units": 2, "windows": 1,
}  # fmt: skip
OF = {"resnet": SMALL, "densenet": SMALL | {"growth": 3}}
CLIPS = 3


def made(wanted: Spec) -> Any:
    """Return a network whose norms scale and shift, so that its neurons spike."""
    torch.manual_seed(0)
    network = build(wanted)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.uniform_(module.bias, 0.0, 0.9)
    return network.eval()


def counted(network: nn.Module, wanted: Spec, x: torch.Tensor) -> dict[str, LayerCounts]:
    found = Counted()
    with torch.inference_mode(), counting(network, wanted, found):
        network(x)
    return {layer.layer: layer for layer in found.layers}


def inputs(network: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what each convolution takes in."""
    seen: dict[str, torch.Tensor] = {}
    handles = [
        layer.module.register_forward_pre_hook(
            lambda _, given, name=layer.name: seen.update({name: given[0]})
        )
        for layer in layers_of(network)
        if layer.kind == "convolution"
    ]
    with torch.inference_mode():
        network(x)
    for handle in handles:
        handle.remove()
    return seen


X = torch.rand(1, CLIPS, 12, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", OF)
def test_a_unit_is_joined_with_its_input(name: str, params: Params) -> None:
    network = made(spec(params, name, network_params=OF[name]))
    stage = network.blocks[0]
    with torch.no_grad():
        first = stage.first(X.unsqueeze(2), 1)
        y = first
        for convolution in stage.units[0].convolutions:
            maps = convolution.norm(
                functional.conv2d(y[0], convolution.convolution.weight, padding=1)
            )
            y = maps.relu()[None]
        expected = first + y if name == "resnet" else torch.cat([first, y], 2)
        assert torch.allclose(stage.units[0](first, 1), expected, atol=1e-5)
    widths = {"resnet": 4, "densenet": 4 + 2 * 3}
    assert network.readout.in_features == widths[name]


def test_windows_are_channels(params: Params) -> None:
    wanted = spec(params, "resnet", network_params=OF["resnet"] | {"windows": 2})
    network = made(wanted)
    given = network.channels(X)
    assert torch.equal(given[:, :, 1], X[..., 10:])
    assert network.blocks[0].first.convolution.in_channels == 2
    assert network(X).shape == (CLIPS, 3)
    with pytest.raises(SpikesoundError, match="windows: expected a divisor of the 20 bins, got 3"):
        build(spec(params, "resnet", network_params=OF["resnet"] | {"windows": 3}))


@pytest.mark.parametrize("name", OF)
def test_every_spike_is_an_operation_of_each_synapse_it_reaches(name: str, params: Params) -> None:
    wanted = spiking(params, name, network_params=OF[name], **encoded(params, "direct"))
    network = made(wanted)
    layers, given = counted(network, wanted, X), inputs(network, X)
    several = 0
    for layer in layers_of(network):
        if layer.kind != "convolution" or layer.source == "input":
            continue
        x = given[layer.name].flatten(0, 1).double()
        several += int((x > 1).sum())
        block: Any = layer.module
        k = 4 if layer.geometry.pool == "average" else 3  # type: ignore[union-attr]
        weight = torch.ones(block.convolution.out_channels, x.shape[1], k, k).double()
        reached = functional.conv2d(x, weight, stride=k - 2 if k == 4 else 1, padding=1)
        mine = layers[layer.name]
        assert (mine.operation, mine.source) == ("ac", "spikes")
        assert mine.effective * CLIPS == pytest.approx(float(reached.sum()))
        assert mine.active_inputs * CLIPS == pytest.approx(float(x.sum()))
    assert (several > 0) == (name == "resnet"), "sums of spikes"
    assert not any(each.startswith("join") for each in layers), "they reach the synapses alike"
    with torch.inference_mode():
        last = network.blocks[1](network.blocks[0](X.unsqueeze(2), 3), 3)
    assert layers["pooling"].effective * CLIPS == pytest.approx(float(last.sum()))


def test_sums_of_activations_are_additions(params: Params) -> None:
    wanted = spec(params, "resnet", network_params=OF["resnet"])
    layers = counted(made(wanted), wanted, X)
    assert layers["join_3"].operation == "ac"
    assert layers["join_3"].effective == 2 * 6 * 10
    assert layers["convolution_4"].operation == "mac"
    dense = spec(params, "densenet", network_params=OF["densenet"])
    assert "join_2" not in counted(made(dense), dense, X)


@pytest.mark.parametrize("name", OF)
def test_what_takes_layers_one_behind_the_other_refuses_them(name: str, params: Params) -> None:
    network = made(spiking(params, name, network_params=OF[name]))
    with pytest.raises(SpikesoundError, match="cannot be frozen; valid: a CNN"):
        FrozenCNN(network)
    with pytest.raises(SpikesoundError, match="expected a network cnn, got"):
        PlainModules(network, 12, 20)
    with pytest.raises(SpikesoundError, match=r"'join_\d' \(join\) cannot be converted"):
        check_convertible(network)
