"""Networks: shapes, twins, and the model file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from network_specs import spec, spiking
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.features.front_end import FrontEnd
from spikesound.inference.recurrent_stream import recurrent_layer
from spikesound.models.build import build
from spikesound.models.file import load, save
from spikesound.models.networks import NETWORKS
from spikesound.models.networks.cnn import CNN
from spikesound.models.networks.layout import Layout
from spikesound.params import NETWORK_PARAMS, CNNParams, Params


def test_registry_and_parameters_name_the_same_networks() -> None:
    assert set(NETWORKS) == set(NETWORK_PARAMS)


OF_CLIPS = ["cnn", "resnet", "densenet", "lstm", "gru", "rnn", "srnn", "delayed"]
OF_CLIPS += ["clip_crnn_gru", "clip_crnn_lstm"]
SPIKING = [name for name in OF_CLIPS if NETWORK_PARAMS[name].takes_neuron]


@pytest.mark.parametrize("name", OF_CLIPS)
def test_every_network_of_clips_keeps_the_contract(name: str, params: Params) -> None:
    assert NETWORK_PARAMS[name].output == "clip"
    network = build(spec(params, name))
    x = torch.rand(1, 4, 33, 20, requires_grad=True)
    scores = network(x)
    assert scores.shape == (4, 3)
    scores.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("name", SPIKING)
def test_a_twin_differs_only_in_its_neuron(name: str, params: Params) -> None:
    def shapes(network: nn.Module) -> list[tuple[str, torch.Size]]:
        return [(n, p.shape) for n, p in network.named_parameters() if ".neuron." not in n]

    ann, snn = (
        build(spec(params, name)),
        build(spiking(params, name)),
    )
    assert shapes(ann) == shapes(snn)
    assert snn(torch.rand(3, 2, 33, 20)).shape == (2, 3)


@pytest.mark.parametrize("name", SPIKING)
def test_an_input_of_one_step_is_repeated(name: str, params: Params) -> None:
    network = build(spiking(params, name)).eval()
    x = torch.rand(1, 2, 33, 20)
    assert torch.allclose(network(x), network(x.expand(3, -1, -1, -1)), atol=1e-5)


@pytest.mark.parametrize(("frames", "bins"), [(33, 1), (3, 20), (1, 1)])
def test_cnn_takes_small_inputs(frames: int, bins: int, params: Params) -> None:
    network = build(spec(params, "cnn", bins=bins)).eval()
    assert torch.isfinite(network(torch.rand(1, 2, frames, bins))).all()


def test_cnn_by_hand() -> None:
    params = CNNParams(channels=[1], kernel=1, pool="average", dropout=0.0)
    network = CNN(params, Layout(2, 1), nn.ReLU).eval()
    with torch.no_grad():
        network.blocks[0].convolution.weight.fill_(2.0)
        network.readout.weight.fill_(3.0)
        network.readout.bias.fill_(0.5)
        network.blocks[0].norm.eps = 0.0
    # Two pooled frames, 2 * 1.5 = 3 and 2 * 3.5 = 7: mean 5 plus maximum 7, times 3, plus 0.5.
    x = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])[None, None]
    assert network(x).item() == pytest.approx(36.5)


def test_lstm_refuses_to_spike(params: Params) -> None:
    with pytest.raises(SpikesoundError, match="no spiking twin"):
        build(spec(params, "lstm", steps=4))


def test_a_crnn_of_clips_counts_what_its_parts_do(params: Params) -> None:
    """Cells by hand: three gates of 64 units, from 96 channels at 2 bins and from themselves."""
    network = build(spec(params, "clip_crnn_gru")).eval()
    cells = next(layer for layer in network.layers() if layer.kind == "gated")  # type: ignore[operator]
    weights = [cells.synapses.weight_ih_l0, cells.synapses.weight_hh_l0]
    assert [tuple(each.shape) for each in weights] == [(192, 96 * 2), (192, 64)]
    x = torch.rand(1, 2, 33, 20)
    frames = x.unsqueeze(2)
    for block in network.blocks:  # type: ignore[union-attr]
        frames = block(frames, 1)
    assert frames.shape == (1, 2, 96, 4, 2)
    outputs = network.memory.cells(frames[0].permute(2, 0, 1, 3).flatten(2))[0]  # type: ignore
    expected = network.readout(outputs.mean(0) + outputs.amax(0))  # type: ignore[operator]
    assert torch.allclose(network(x), expected, atol=1e-5)
    assert recurrent_layer(network) is None, "its frames are not those of the input"
    with pytest.raises(SpikesoundError, match="'clip_crnn_lstm' has no spiking twin"):
        build(spec(params, "clip_crnn_lstm", steps=4))


def test_an_unknown_network_lists_the_valid_ones(params: Params) -> None:
    valid = r"unknown network 'cmm'; valid: clip_crnn_gru, .*, cnn, "
    with pytest.raises(SpikesoundError, match=valid):
        build(spec(params, "cnn", network="cmm"))


def test_a_saved_network_gives_the_same_scores(tmp_path: Path, params: Params) -> None:
    range_db = {"low": [-60.0] * 64, "high": [20.0] * 64}
    front_end = FrontEnd(features=params.features, **range_db)
    wanted = spiking(params, "cnn", bins=64, front_end=front_end)
    network = build(wanted).eval()
    save(tmp_path / "model.safetensors", wanted, network)
    found, loaded = load(tmp_path)
    x = torch.rand(3, 2, 33, 64)
    assert found == wanted
    assert torch.equal(loaded(x), network(x))


def test_damaged_model_files_give_one_clear_error(tmp_path: Path, params: Params) -> None:
    with pytest.raises(SpikesoundError, match="no model in this folder"):
        load(tmp_path)
    wanted = spec(params, "cnn")
    save(tmp_path / "model.safetensors", wanted, build(wanted))
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:100])
    with pytest.raises(SpikesoundError, match=r"model\.safetensors"):
        load(tmp_path)
