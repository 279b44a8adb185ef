"""The network YAMNet: its sizes, its spiking twin, and the counts of its layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.models.build import build
from spikesound.models.layers import hidden, layers_of
from spikesound.models.networks.yamnet import Block
from spikesound.models.pretrained.yamnet import PARAMS, spec_of
from spikesound.models.spec import Spec
from spikesound.params import CountingIFParams
from spikesound.snn.neurons.counting_if import CountingIF

IDS = ["/m/a", "/m/b", "/m/c"]
SMALL = PARAMS.model_copy(update={"channels": [4, 6, 8], "strides": [2, 1, 2], "patch": 32})


def spec(**changes: Any) -> Spec:
    return spec_of(SMALL, IDS, IDS).model_copy(update=changes)


def spiking(levels: int) -> Spec:
    return spec(
        neuron="counting_if",
        neuron_params={"levels": levels},
        steps=levels,
        encoding="direct",
        encoding_params={"steps": levels},
    )


def test_the_published_sizes_have_as_many_weights_as_the_release() -> None:
    """3.7 million: 3,217,344 of convolutions and biases, and 521 classes of 1,024 values."""
    with torch.device("meta"):
        network = build(spec_of(PARAMS, [str(i) for i in range(521)], [str(i) for i in range(521)]))
    layers = layers_of(network)
    assert [layer.name for layer in layers[:3]] == ["convolution_1", "depthwise_2", "pointwise_2"]
    assert len(hidden(network)) == 27
    assert sum(each.numel() for each in layers[-1].module.parameters()) == 1025 * 521


@pytest.mark.parametrize("frames", [32, 31, 13])
def test_places_are_halved_at_each_stride(frames: int) -> None:
    network = build(spec()).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 2, frames, 64)).shape == (2, 3)
        block = network.blocks[0]
        assert isinstance(block, Block)
        assert block(torch.rand(1, 2, 1, frames, 64), 1).shape == (1, 2, 4, frames // 2, 32)


def test_a_clip_is_the_mean_of_its_patches() -> None:
    torch.manual_seed(0)
    network = build(spec()).eval()
    x = torch.rand(1, 2, 32 * 3 + 20, 64)
    with torch.inference_mode():
        whole = network(x)
        parts = torch.stack([network(x[:, :, start : start + 32]) for start in (0, 32, 64)])
    assert torch.allclose(whole, parts.mean(0), atol=1e-6)
    assert not torch.allclose(parts[0], parts[1], atol=1e-4)
    with pytest.raises(SpikesoundError, match="expected a multiple of 4, as the strides divide by"):
        build(spec_of(SMALL.model_copy(update={"patch": 30}), IDS, IDS))


def test_too_few_frames_are_one_line() -> None:
    with pytest.raises(SpikesoundError, match="expected at least 4 frames, got 3"):
        build(spec())(torch.rand(1, 1, 3, 64))


def test_the_largest_output_of_a_class_counts() -> None:
    params = SMALL.model_copy(update={"outputs": [2, 1, 3]})
    network = build(spec_of(params, IDS, IDS))
    with torch.no_grad():
        network.readout.weight.zero_()
        network.readout.bias.copy_(torch.tensor([1.0, 4.0, 2.0, 5.0, 7.0, 6.0]))
        assert network(torch.rand(1, 1, 16, 64)).tolist() == [[4.0, 2.0, 7.0]]
    with pytest.raises(SpikesoundError, match="one for each of 3 classes, got 2"):
        build(spec_of(SMALL.model_copy(update={"outputs": [1, 2]}), IDS, IDS))


def test_a_neuron_gives_as_many_spikes_as_whole_steps() -> None:
    neuron = CountingIF(CountingIFParams(levels=4))
    mean = torch.tensor([-1.0, 0.49, 0.5, 1.2, 3.7, 9.0])
    varied = mean + torch.tensor([3.0, -1.0, -1.0, -1.0])[:, None]
    for currents in (mean.expand(4, -1), varied):
        spikes = neuron(currents)
        assert set(spikes.unique().tolist()) <= {0.0, 1.0}
        assert spikes.sum(0).tolist() == [0, 0, 1, 1, 4, 4]
        assert spikes[:, 3].tolist() == [1, 0, 0, 0]
    with pytest.raises(SpikesoundError, match="expected 4 time steps, got 3"):
        neuron(torch.zeros(3, 2))


def slow_counts(block: Block, x: torch.Tensor) -> tuple[float, float]:
    """Operations of non-zero inputs, and of all, by a convolution of ones over a mask."""
    ones = nn.Conv2d(
        block.convolution.in_channels, block.convolution.out_channels, block.grid.kernel,
        block.convolution.stride, groups=block.convolution.groups, bias=False,
    )  # fmt: skip
    with torch.no_grad():
        ones.weight.fill_(1)
        pad = (block.grid.before, block.grid.behind) * 2
        patches = x.split(min(block.grid.rows, x.shape[3]), 3)
        masks = [(each != 0).float() for each in patches], [torch.ones_like(p) for p in patches]
        sums = [
            sum(ones(nn.functional.pad(m.flatten(0, 1), pad)).double().sum().item() for m in each)
            for each in masks
        ]
    return sums[0], sums[1]


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("frames", [32, 27, 70])
def test_operations_are_those_of_a_slow_count(levels: int, frames: int) -> None:
    torch.manual_seed(1)
    wanted = spiking(levels) if levels > 1 else spec()
    network = build(wanted).eval()
    seen: dict[str, torch.Tensor] = {}
    for layer in layers_of(network):
        layer.module.register_forward_pre_hook(
            lambda module, inputs, name=layer.name: seen.__setitem__(name, inputs[0])
        )
    counted = Counted()
    with torch.inference_mode(), counting(network, wanted, counted):
        network(torch.rand(1, 2, frames, 64) * 0.5 + 0.4)
    layers = {each.layer: each for each in counted.layers}
    assert list(layers) == [each.name for each in layers_of(network)]
    for number, layer in enumerate(hidden(network)):
        block, counts = layer.module, layers[layer.name]
        assert isinstance(block, Block)
        effective, dense = slow_counts(block, seen[layer.name])
        assert counts.effective == effective / 2, "the mean of two clips"
        assert counts.dense == dense / 2
        assert counts.operation == ("ac" if levels > 1 and number else "mac")
        assert counts.passes == (levels if number else 1)
        assert counts.steps == levels
        assert counts.weights == sum(each.numel() for each in block.convolution.parameters())
    last = seen["pooling"]
    assert layers["pooling"].effective == last.count_nonzero().item() / 2
    assert layers["readout"].dense == 8 * 3
    assert max(each.effective / each.dense for each in layers.values() if each.dense) <= 1


def test_active_outputs_are_the_spikes() -> None:
    torch.manual_seed(2)
    network = build(spiking(2)).eval()
    spikes: list[float] = []
    for layer in hidden(network):
        assert layer.neuron is not None
        layer.neuron.register_forward_hook(lambda m, i, o: spikes.append(o.sum().item()))
    counted = Counted()
    with torch.inference_mode(), counting(network, spiking(2), counted):
        network(torch.rand(1, 1, 32, 64))
    found: list[LayerCounts] = [each for each in counted.layers if each.neuron == "counting_if"]
    assert [each.active_outputs for each in found] == spikes
    assert sum(spikes) > 0
