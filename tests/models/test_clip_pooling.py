"""Poolings of a clip: by hand, in spike counts, in costs, and refused where they are not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from toy_clips import CNN as SHAPE
from toy_clips import base_spec, job, long, settled, spec, toy

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.inference.backends import BACKENDS, equal_backends
from spikesound.models.build import build
from spikesound.models.export.c.clip_folded import float_clip
from spikesound.models.export.nir_graph import graph_of
from spikesound.models.layers import layers_of
from spikesound.models.loading import TrainedModel
from spikesound.models.networks.clip_pooling import (
    AttentionPooling,
    BinPooling,
    FramePooling,
    PlacePooling,
)
from spikesound.models.plain_modules import PlainModules
from spikesound.models.spec import Spec
from spikesound.params import Params
from spikesound.training.job import Job
from spikesound.training.methods import METHODS
from spikesound.training.scores import clip_scores

OTHERS = ["bins", "places", "attention"]
X = torch.tensor([[[[1.0, 3.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]]]])
"""Of one clip (1, channel 2, frame 2, bin 2)."""


def pooled_spec(params: Params, pooling: str, **changes: Any) -> Spec:
    return spec(params, network_params=SHAPE | {"pooling": pooling}, **changes)


def with_pooling(wanted: Job, pooling: str) -> Job:
    shape = {"network_params": SHAPE | {"pooling": pooling}}
    return replace(wanted, spec=wanted.spec.model_copy(update=shape))


def attentions(network: nn.Module) -> list[AttentionPooling]:
    return [each for each in network.modules() if isinstance(each, AttentionPooling)]


def bins_of(network: Any, bins: int) -> int:
    """Return the bins of the last block's outputs, of a clip that goes through the blocks."""
    x = torch.zeros(1, 1, 1, 12, bins)
    for block in network.blocks:
        x = block(x, 1)
    return x.shape[-1]


def test_poolings_by_hand() -> None:
    frames, places = FramePooling(2), PlacePooling(2)
    assert frames(frames.summarised(X)).tolist() == [[1.5 + 2.0, 0.5 + 1.0]]
    assert places(places.summarised(X)).tolist() == [[1.5 + 3.0, 0.5 + 2.0]]
    bins = BinPooling(2, 2)
    assert bins.width == 4
    assert bins(bins.summarised(X)).tolist() == [[1.5 + 2.0, 1.5 + 3.0, 0.0, 1.0 + 2.0]]
    attention = AttentionPooling(2)
    with torch.no_grad():
        attention.attention.weight.copy_(torch.tensor([[1.0, 0.0]]))
    found = attention(attention.summarised(X))
    weights = torch.tensor([1.0, 3.0, 2.0, 0.0]).softmax(0)  # the mean of all outputs is 1
    expected = [weights @ torch.tensor([1.0, 3.0, 2.0, 0.0]), weights[3] * 2.0]
    assert torch.allclose(found, torch.stack(expected)[None])
    by_step = attention(attention.summarised(X.expand(3, 1, 2, 2, 2)))
    assert torch.allclose(by_step, found.expand(3, 1, 2))
    assert torch.equal(attention(torch.zeros(1, 2, 4)), torch.zeros(1, 2)), "silence has no mean"


@pytest.mark.parametrize("pooling", [FramePooling, BinPooling, PlacePooling, AttentionPooling])
def test_poolings_are_of_degree_one(pooling: type[AttentionPooling]) -> None:
    module = pooling(6)
    x = torch.rand(4, 6, 5, 3)
    one, other = (module(module.summarised(scale * x)) for scale in (1.0, 0.03))
    assert torch.allclose(0.03 * one, other, rtol=1e-4)
    pieces = module.summarised(0.25 * x) + module.summarised(0.75 * x)
    assert torch.allclose(pieces, module.summarised(x), atol=1e-6), "summaries are linear"


@pytest.mark.parametrize("pooling", OTHERS)
@pytest.mark.parametrize("readout", ["rate", "membrane_sum"])
def test_a_spiking_network_is_read_after_each_step(
    params: Params, pooling: str, readout: str
) -> None:
    torch.manual_seed(0)
    network = build(pooled_spec(params, pooling, spiking=True, readout=readout))
    x = (torch.rand(3, 2, 12, 16) < 0.4).float()
    network = settled(network, x)
    with torch.inference_mode():
        scores, by_step = network(x), network.scores_by_step(x)  # type: ignore[operator]
    assert scores.std() > 1e-3
    assert by_step.shape == (3, 2, 2)
    assert torch.allclose(by_step[-1], scores, atol=1e-6)
    plain = settled(build(pooled_spec(params, "frames", spiking=True, readout=readout)), x)
    if pooling == "bins":  # a weight for each bin in place of one for all
        width = plain.readout.in_features
        assert network.readout.in_features == width * bins_of(network, 16)
        return
    kept = plain.load_state_dict(network.state_dict(), strict=False)
    assert not kept.missing_keys
    with torch.inference_mode():
        assert not torch.allclose(plain(x), scores, atol=1e-3)


@pytest.mark.parametrize("kind", ["single_spike", "convert", "surrogate"])
@pytest.mark.parametrize("pooling", OTHERS)
def test_spiking_twins_are_trained_and_keep_the_attention(
    params: Params, tmp_path: Path, pooling: str, kind: str
) -> None:
    torch.manual_seed(0)
    changes: dict[str, Any] = {
        "single_spike": {"bits": 6, "weight_bits": None, "epochs": 2, "sparsity": 0.0},
        "convert": {"presentations": 16},
    }.get(kind, {})
    clips = toy(spikes=kind != "single_spike")
    wanted = with_pooling(job(params, tmp_path, kind=kind, clips=clips, **changes), pooling)
    if wanted.method.starts_from:
        before = replace(wanted, resume=tmp_path / "base.pt", spec=base_spec(wanted))
        wanted = replace(wanted, base=METHODS["backprop"](before).network)
    trained = METHODS[kind](wanted)
    assert trained.spec.network_params["pooling"] == pooling
    assert 0.4 < trained.result["validation_accuracy"] <= 1
    if "source_loss" in trained.result:
        # Times of spikes are the rounded twin's activations; rates come near to the twin's.
        assert trained.result["validation_loss"] == pytest.approx(
            trained.result["source_loss"], abs=1e-4 if kind == "single_spike" else 0.1
        )


@pytest.mark.parametrize(
    ("pooling", "spiking", "expected"),
    [
        # 8 channels at 3 frames and 4 bins: 96 values at 12 places.
        ("places", False, {"pooling_places": 2 * 96}),
        ("bins", False, {"pooling_frames": 2 * 96, "readout": 2 * 8 * 4}),
        ("bins", True, {"pooling_frames": 2 * 96, "readout": 2 * 8 * 4}),
        ("attention", False, {"pooling_mean": 96, "pooling_weighted": 96 + 24, "attention": 96}),
        ("attention", True, {"pooling_mean": 96, "pooling_weighted": 96 + 24, "attention": 96}),
    ],
)
def test_counts_by_hand(
    params: Params, pooling: str, spiking: bool, expected: dict[str, float]
) -> None:
    wanted = pooled_spec(params, pooling, spiking=spiking)
    network, counted = build(wanted), Counted()
    x = torch.rand(wanted.steps, 2, 12, 16)
    network = settled(network, x)
    with torch.inference_mode(), counting(network, wanted, counted):
        network(x)
    layers = {layer.layer: layer for layer in counted.layers}
    assert {name: layers[name].dense for name in expected} == expected
    assert ("pooling" in layers) == spiking, "one step needs no sum"
    if spiking:
        assert layers["pooling"].dense == 3 * 96
        assert 0 < layers["pooling"].effective < 3 * 96
    if pooling == "attention":
        assert layers["attention"].weights == 8
        assert layers["pooling_weighted"].operation == "mac"
    assert list(layers)[-1] == "readout"


@pytest.mark.parametrize("pool", ["average", "max", "stride", "outputs"])
@pytest.mark.parametrize("bins", [1, 2, 5, 7, 16])
def test_a_read_out_has_the_bins_that_blocks_leave(params: Params, pool: str, bins: int) -> None:
    shape = SHAPE | {"pooling": "bins", "pool": pool}
    network = build(spec(params, network_params=shape).model_copy(update={"bins": bins})).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 2, 12, bins)).shape == (2, 2)


@pytest.mark.parametrize("pooling", ["frames", *OTHERS])
def test_numbers_of_spikes_of_sums_are_all_counted(params: Params, pooling: str) -> None:
    shape = params.networks["resnet"].model_dump() | {"channels": [4, 8], "pooling": pooling}
    wanted = spec(params, network="resnet", network_params=shape, spiking=True)
    torch.manual_seed(0)
    x, counted = torch.rand(wanted.steps, 2, 12, 16), Counted()
    network = settled(build(wanted), x)
    with torch.inference_mode(), counting(network, wanted, counted):
        network(x)
    (first,) = (layer for layer in counted.layers if layer.layer == "pooling")
    *_, block, _, unit = (x for x in counted.layers if x.neuron not in ("none", "li"))
    # Block and unit are added up: as many spikes go into the pooling as both have.
    assert first.effective == block.active_outputs + unit.active_outputs
    assert unit.active_outputs > 0


def test_each_window_of_a_residual_network_has_its_bins(params: Params) -> None:
    shape = params.networks["resnet"].model_dump() | {
        "channels": [4, 8], "windows": 2, "pooling": "bins",
    }  # fmt: skip
    wanted = spec(params, network="resnet", network_params=shape)
    network = settled(build(wanted), torch.rand(1, 2, 12, 16))
    assert network.readout.in_features == 8 * 2  # type: ignore[union-attr,operator]
    with torch.inference_mode():
        assert network(torch.rand(1, 2, 12, 16)).shape == (2, 2)


@pytest.mark.parametrize("pooling", OTHERS)
def test_who_knows_frames_alone_refuses_in_one_line(params: Params, pooling: str) -> None:
    direct = {"encoding": "direct", "encoding_params": {"steps": 3}}
    wanted = pooled_spec(params, pooling, spiking=True, **direct)
    network = build(wanted).eval()
    model = TrainedModel(wanted, network)
    for refused, message in (
        (lambda: BACKENDS["event_driven"].clips(network), "networks.cnn.pooling: only 'frames'"),
        (lambda: float_clip(model), "poolings of the clip other than 'frames' cannot be expressed"),
        (lambda: graph_of(model, (1, 12, 16)), "of poolings of the clip, readers of a NIR graph"),
    ):
        with pytest.raises(SpikesoundError, match=message) as caught:
            refused()  # type: ignore[no-untyped-call]
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pooling", OTHERS)
def test_folded_and_plain_forms_give_the_scores(params: Params, pooling: str) -> None:
    torch.manual_seed(0)
    network: nn.Module = build(pooled_spec(params, pooling))
    x = torch.rand(1, 2, 12, 16)
    network = settled(network, x)
    assert set(equal_backends(network, [x[:, :1]])) == {"compiled", "dense"}
    with torch.inference_mode():
        expected = network(x)
        assert torch.allclose(BACKENDS["compiled"].clips(network)(x), expected, atol=1e-5)
        assert torch.allclose(PlainModules(network, 12, 16)(x), expected, atol=1e-5)
    assert layers_of(network)[-1].readout


def test_attention_is_learnt(params: Params, tmp_path: Path) -> None:
    torch.manual_seed(0)
    wanted = with_pooling(long(params, tmp_path, "backprop"), "attention")
    trained = METHODS["backprop"](wanted)
    (attention,) = (
        each for each in trained.network.modules() if isinstance(each, AttentionPooling)
    )
    torch.manual_seed(0)
    (first,) = attentions(build(wanted.spec))
    assert (attention.attention.weight - first.attention.weight).abs().max() > 0.01
    scores = clip_scores(trained.network, wanted.validation, 16)
    assert (scores.argmax(1) == wanted.validation.present.argmax(1)).mean() > 0.9
