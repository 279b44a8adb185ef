"""The encoder-decoder: sums of spikes as skips, heads into one pool, counts, files, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch
from detectors import BINS, CLASSES, MAPS, OF_MAP, detector, features
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.costs.by_frame import mean_layers
from spikesound.costs.counting import count_frames
from spikesound.inference.backends import streaming
from spikesound.inference.simulators.populations import graph_of
from spikesound.models.export import export
from spikesound.models.file import WEIGHTS, load, save
from spikesound.models.layers import layers_of
from spikesound.models.networks.encoder_decoder import EncoderDecoder, repeated
from spikesound.models.networks.nested_dropout import NestedDropout
from spikesound.params import EncoderDecoderParams

FRAMES = 12


def frames(clips: int = 2) -> torch.Tensor:
    return torch.from_numpy(features(clips, FRAMES).swapaxes(0, 1).copy())


def passed(network: nn.Module, x: torch.Tensor) -> dict[str, tuple[list[torch.Tensor], Any]]:
    """Return what each layer takes and gives."""
    found: dict[str, tuple[list[torch.Tensor], Any]] = {}
    handles = [
        layer.module.register_forward_hook(
            lambda _, a, y, name=layer.name: found.update({name: (list(a), y)})
        )
        for layer in layers_of(network)
    ]
    with torch.inference_mode():
        network(x)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("model", MAPS)
def test_a_map_has_a_row_of_classes_for_each_frame(model: str) -> None:
    _, network = detector(model)
    assert network(frames()).logits.shape == (FRAMES, 2, CLASSES)
    scales = [layer.module for layer in layers_of(network) if layer.kind == "causal_convolution"]
    sizes: list[Any] = [module.outputs for module in scales]
    assert sizes == [(3, 19), (4, 6), (5, 3), *[(5, 3)] * 4, (4, 6), (3, 19)]


def test_the_twin_has_weights_of_the_same_shapes() -> None:
    ann, snn = ({n: p.shape for n, p in detector(m)[1].named_parameters()} for m in MAPS)
    assert {name: shape for name, shape in snn.items() if ".neuron." not in name} == ann


@pytest.mark.parametrize("model", MAPS)
def test_gradients_reach_every_weight(model: str) -> None:
    network = detector(model)[1].train()
    x = frames(8)
    loss = network(x).logits.square().mean()
    loss.backward()
    for name, weight in network.named_parameters():
        if not weight.requires_grad:
            continue
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_skips_add_spikes() -> None:
    _, network = detector("snn-map")
    found = passed(network, frames())
    joins = [layer for layer in layers_of(network) if layer.kind == "join"]
    assert [layer.reads for layer in joins] == [
        ("convolution_3", "convolution_5"),
        ("join_5", "convolution_7"),
        ("convolution_2", "convolution_8"),
        ("convolution_1", "convolution_9"),
    ]
    for layer in joins:
        (x, y), out = found[layer.name]
        assert torch.equal(out, found[layer.reads[0]][1] + found[layer.reads[1]][1])
        assert set(y.unique().tolist()) == {0.0, 1.0}
        if layer.source == "spikes":
            assert set(x.unique().tolist()) == {0.0, 1.0}
        assert out.max() > 1, "numbers of spikes"


def test_the_decoder_repeats_bins() -> None:
    x = torch.arange(12.0).reshape(2, 1, 2, 3)
    assert torch.equal(repeated(x, 6), x.repeat_interleave(2, -1))
    assert repeated(x, 7).shape == (2, 1, 2, 7)
    found = passed(detector("snn-map")[1], frames())
    (given,), _ = found["convolution_9"]
    assert torch.equal(given, repeated(found["join_8"][1], 19))


@pytest.mark.parametrize("model", MAPS)
def test_heads_charge_one_pool_scale_by_scale(model: str) -> None:
    _, network = detector(model)
    assert isinstance(network, EncoderDecoder)
    x = frames()
    found = passed(network, x)
    with torch.inference_mode():
        maps = network.maps(x)
        assert torch.allclose(maps[-1], network(x).logits, atol=1e-6)
    outputs = [found[name][1].flatten(2) for name in ("join_8", "join_9")]
    heads = network.readout.weight.detach().split([4 * 6, 3 * 19], 1)
    beta, potential = network.integrator.beta.detach(), torch.zeros(2, 2, CLASSES)
    for t in range(FRAMES):
        currents = [functional.linear(o[t], w) for o, w in zip(outputs, heads, strict=True)]
        sums = network.readout.bias.detach() + torch.stack(currents).cumsum(0)
        potential = beta * potential + (1 - beta) * sums
        assert torch.allclose(torch.stack([maps[0][t], maps[1][t]]), potential, atol=1e-5)


def test_nested_dropout_leaves_out_the_last_groups_of_a_share_of_the_clips() -> None:
    torch.manual_seed(0)
    nested, x = NestedDropout([2, 3, 4], 0.5), torch.ones(2, 4000, 9)
    assert torch.equal(nested.eval()(x), x)
    out = nested.train()(x)
    assert torch.equal(out[0], out[1]), "a clip is read after the same scale in every frame"
    left = out[0].sum(1)
    shares = [float((left == kept).float().mean()) for kept in (2, 5, 9)]
    assert shares == pytest.approx([0.25, 0.25, 0.5], abs=0.03)
    assert bool((out[0, left == 2, :2] == 1).all())
    assert torch.equal(NestedDropout([2, 3, 4], 0.0).train()(x), x)


def test_counts_are_those_of_a_loop_over_synapses() -> None:
    """Of n spikes that were added up n are counted; sums of them are not."""
    spec, network = detector("snn-map")
    x = features(1, FRAMES)
    layers = {each.size.layer: each for each in count_frames(network, spec, x)}
    assert not any(name.startswith("join") for name in layers)
    found = passed(network, torch.from_numpy(x.swapaxes(0, 1).copy()))
    for layer in layers_of(network):
        if layer.kind == "join":
            continue
        a = found[layer.name][0][0][:, 0]
        a = (a != 0).double() if layer.source in ("input", "spikes") else a.double()
        module: Any = layer.module
        for t in range(FRAMES):
            if layer.readout:
                number = float(a[t].sum()) * CLASSES
            else:
                number = 0.0
                (c_in, bins), (c_out, places) = module.inputs, module.outputs
                reach = torch.zeros(bins)
                for v in range(places):
                    for j in range(module.kernel + module.pool - 1):
                        u = v * module.pool + j - module.kernel // 2
                        reach[u if 0 <= u < bins else 0] += float(0 <= u < bins)
                for tap in range(min(3, t + 1)):
                    number += float((a[t - tap].reshape(c_in, bins) * reach).sum()) * c_out
            assert layers[layer.name].effective[t, 0] == number, layer.name


def test_sums_of_activations_are_additions_and_update_no_neuron() -> None:
    spec, network = detector("ann-map")
    layers = {
        each.layer: each for each in mean_layers(count_frames(network, spec, features(1, 4)), 4)
    }
    join = layers["join_9"]
    assert (join.operation, join.effective, join.weights) == ("ac", 4 * 3 * 19, 0)
    assert join.neuron_updates == 0
    assert layers["convolution_9"].operation == "mac"


@pytest.mark.parametrize("model", MAPS)
def test_a_saved_network_is_the_same(model: str, tmp_path: Path) -> None:
    spec, network = detector(model, bins=64)
    save(tmp_path / WEIGHTS, spec, network)
    _, again = load(tmp_path)
    x = torch.rand(FRAMES, 2, 64)
    with torch.inference_mode():
        assert torch.equal(again(x).logits, network(x).logits)


@pytest.mark.parametrize("model", MAPS)
def test_a_stream_has_the_torch_loop_alone(model: str) -> None:
    _, network = detector(model)
    assert streaming(network)[0] == "dense"
    for backend in ("event_driven", "compiled"):
        with pytest.raises(SpikesoundError, match=f"backend '{backend}': an? .* is not compiled"):
            streaming(network, backend)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "name", "message"),
    [("nir", "m.nir", "of kind 'join' cannot be expressed in NIR"),
     ("c", "m", "of kind 'join' cannot be expressed in C")],
)  # fmt: skip
def test_what_takes_layers_one_behind_the_other_refuses_it(
    format: str, name: str, message: str, tmp_path: Path
) -> None:
    spec = small_models.detector("tcn", neuron=small_models.LIF).spec
    values = OF_MAP | {"pools": [1, 2, 2]}
    changes = {"network": "encoder_decoder", "network_params": values}
    model = small_models.made(spec.model_copy(update=changes))
    with pytest.raises(SpikesoundError, match=message):
        export(model, format, tmp_path / name)
    with pytest.raises(SpikesoundError, match="'join_5' joins the outputs of two layers"):
        graph_of(model)
    export(model, "torchscript", tmp_path / "m.pt")


def test_more_bins_than_there_are_cannot_be_merged() -> None:
    with pytest.raises(SpikesoundError, match=r"pools \[1, 19, 2\] leave no bin"):
        detector("ann-map", network={"pools": [1, BINS, 2]})
    with pytest.raises(ValueError, match="differ in number"):
        EncoderDecoderParams.model_validate(OF_MAP | {"pools": [1, 2]})


def test_silence_is_no_operation_of_the_first_layer() -> None:
    spec, network = detector("snn-map")
    counts = count_frames(network, spec, np.zeros((1, 5, BINS), np.float32))
    assert counts[0].effective.sum() == 0
