"""Layers of every network: named, in the order of computation, folded without a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import pytest
import torch
from detectors import MAPS, MODELS, detector, features
from hypothesis import given
from hypothesis import strategies as st
from network_specs import encoded, spec, spiking
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.folding import fold
from spikesound.models.grid import Grid, merged_average
from spikesound.models.layers import InSteps, Kind, Layer, Source, hidden, layers_of, recorded
from spikesound.models.networks import NETWORKS
from spikesound.models.networks.cnn import averaged_first
from spikesound.params import Params
from spikesound.snn.neurons import SpikingNeuron


@dataclass(frozen=True)
class Made:
    """A network with an input for it."""

    network: nn.Module
    x: torch.Tensor

    def scores(self) -> torch.Tensor:
        with torch.no_grad():
            out = self.network(self.x)
        found: torch.Tensor = getattr(out, "logits", out)
        return found


def shifted(network: nn.Module) -> nn.Module:
    """Return the network with norms that scale and shift, so that its neurons spike."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.uniform_(module.bias, -0.3, 0.6)
            nn.init.uniform_(module.running_var, 0.1, 0.4)  # type: ignore[arg-type]
    return network.eval()


def made(name: str, params: Params) -> Made:
    torch.manual_seed(0)
    if name in (*MODELS, *MAPS):
        network = detector(name)[1]
        return Made(network, torch.from_numpy(features(2, 12)).transpose(0, 1))
    x = torch.rand(1, 2, 21, 20)
    if name.startswith("snn-"):
        return Made(shifted(build(spiking(params, name.removeprefix("snn-")))), x)
    changes: dict[str, Any] = {}
    if name == "wta":
        lif = params.neurons["lif"].model_dump() | {"reset": "none"}
        changes = {"neuron": "lif", "neuron_params": lif, "network": name}
        changes |= {"network_params": {"neurons": 7, "frames": 4}, **encoded(params, "rate")}
        x = (x < 0.3).float()
    elif name == "som":
        section = {"rows": 3, "columns": 4, "neurons_per_class": 2, "decay": 0.9}
        changes = {"network": name, "network_params": section}
    network = shifted(build(spec(params, "cnn" if changes else name, **changes)))
    with torch.no_grad():
        for each in network.parameters():
            if name in ("wta", "som") and each.dim() > 1:
                each.uniform_(0.0, 0.5)
    return Made(network, x)


EVERY = [
    "cnn",
    "snn-cnn",
    "srnn",
    "snn-srnn",
    "delayed",
    "snn-delayed",
    "lstm",
    "gru",
    "rnn",
    "clip_crnn_gru",
    "clip_crnn_lstm",
    "resnet",
    "snn-resnet",
    "densenet",
    "snn-densenet",
    "wta",
    "som",
    *MODELS,
    *MAPS,
]


def test_every_network_of_the_registry_is_tried_here() -> None:
    here = {"tcn", "crnn_gru", "crnn_lstm", "lsnn", "encoder_decoder"} | set(EVERY)
    own_code = {"code"}  # test_own_code.py
    pretrained = {"yamnet", "vggish", "sequence_head"}  # test_yamnet.py, test_vggish.py
    sparse = {
        "patches",
        "pruned_cnn",
        "sigma_delta_cnn",
        "single_spike_cnn",
    }  # of methods
    assert set(NETWORKS) <= here | own_code | sparse | pretrained


@pytest.mark.parametrize("name", EVERY)
def test_layers_keep_the_contract(name: str, params: Params) -> None:
    tried = made(name, params)
    layers = layers_of(tried.network)
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names)
    for layer in layers:
        assert layer.kind in get_args(Kind)
        assert layer.source in get_args(Source)
        assert set(layer.reads) <= set(names[: names.index(layer.name)])
    assert layers[0].source in ("input", "values")
    assert [layer.readout for layer in layers] == [False] * (len(layers) - 1) + [True]
    every = set(tried.network.modules())
    assert {layer.module for layer in layers} <= every
    inside = {layer.neuron for layer in layers if isinstance(layer.neuron, SpikingNeuron)}
    assert inside == {module for module in every if isinstance(module, SpikingNeuron)}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_modules_of_layers_are_called_in_their_order(name: str, params: Params) -> None:
    tried, called = made(name, params), []
    layers = [layer for layer in layers_of(tried.network) if layer.module is not tried.network]
    for layer in layers:
        hook = lambda module, inputs, output, name=layer.name: called.append(name)  # noqa: E731
        layer.module.register_forward_hook(hook)
    tried.scores()
    assert called == [layer.name for layer in layers]


@pytest.mark.parametrize("name", EVERY)
def test_folded_networks_compute_the_same(name: str, params: Params) -> None:
    tried = made(name, params)
    before = tried.scores()
    fold(tried.network)
    assert torch.allclose(tried.scores(), before, atol=1e-4)
    assert not any(isinstance(layer.norm, nn.BatchNorm2d) for layer in layers_of(tried.network))
    once = tried.scores()
    fold(tried.network)
    assert torch.equal(tried.scores(), once), "nothing is left to fold"


@pytest.mark.parametrize("name", ["snn-cnn", "snn-tcn", "snn-alif", "wta", "som"])
def test_hidden_layers_are_those_with_neurons(name: str, params: Params) -> None:
    tried = made(name, params)
    with recorded(tried.network) as spikes:
        tried.scores()
    assert len(spikes) == len(hidden(tried.network)) > 0
    assert all(layer.spiking and not layer.readout for layer in hidden(tried.network))
    assert all(set(each.unique().tolist()) <= {0.0, 1.0} for each in spikes)
    assert sum(float(each.sum()) for each in spikes) > 0


def test_gates_are_no_neurons(params: Params) -> None:
    assert hidden(made("lstm", params).network) == []


def test_maximum_pooling_does_not_let_norms_be_folded(params: Params) -> None:
    section = params.networks["cnn"].model_dump() | {"pool": "max"}
    with pytest.raises(SpikesoundError, match="'max' does not let a batch norm be folded"):
        fold(build(spec(params, "cnn", network_params=section)))


def test_a_mean_is_merged_into_a_kernel() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 4, 3, padding=1, bias=False).double()
    x = torch.rand(2, 3, 8, 12, dtype=torch.float64)
    for size in [(2, 2), (1, 3), (2, 1)]:
        pooled = nn.functional.avg_pool2d(convolution(x), size)
        merged = merged_average(convolution.weight, size)
        found = nn.functional.conv2d(x, merged, None, size, 1)
        assert torch.allclose(found, pooled)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(0, 100))
def test_a_mean_of_inputs_is_merged_into_the_convolution_behind_it(
    rows: int, columns: int, kernel: int, seed: int
) -> None:
    torch.manual_seed(seed)
    convolution = nn.Conv2d(2, 3, kernel, padding=kernel // 2, dtype=torch.float64)
    x = torch.rand(2, 2, rows, columns, dtype=torch.float64)
    grid = Grid(kernel, "inputs")
    one = grid.on(rows, columns)
    # By hand: a kernel of which each weight stands in 2 x 2 places, a quarter each.
    high, wide = 1 + (rows > 1), 1 + (columns > 1)
    places = torch.ones(high, wide, dtype=torch.float64) / (high * wide)
    merged = torch.kron(convolution.weight.detach(), places)
    assert torch.allclose(grid.merged(convolution.weight.detach(), rows, columns), merged)
    assert one.weights == kernel**2
    expected = nn.functional.conv2d(x, merged, convolution.bias, one.stride, one.padding)
    assert expected.shape[2:] == one.size
    found = averaged_first(x, convolution, grid)
    assert torch.allclose(found, expected)
    if rows % 2 == 0 and columns % 2 == 0:
        assert torch.allclose(found, convolution(nn.functional.avg_pool2d(x, 2)))


@pytest.mark.parametrize("readout", ["rate", "membrane_sum", "first_spike"])
def test_scores_by_step_end_with_those_of_a_call(readout: str, params: Params) -> None:
    torch.manual_seed(0)
    network = shifted(build(spiking(params, "cnn", readout=readout)))
    assert isinstance(network, InSteps)
    x = torch.rand(3, 2, 21, 20)
    with torch.no_grad():
        by_step = network.scores_by_step(x)
        assert torch.equal(by_step[-1], network(x))
    assert by_step.shape == (3, 2, 3)


def test_a_module_without_layers_is_refused() -> None:
    with pytest.raises(SpikesoundError, match="ReLU: expected a network with a method layers"):
        layers_of(nn.ReLU())


def test_a_layer_says_whether_it_spikes() -> None:
    assert not Layer("a", "linear", nn.Identity(), "input", neuron=nn.ReLU()).spiking
