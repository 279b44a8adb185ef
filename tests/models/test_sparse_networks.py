"""Networks of sparse methods: what they are equal to, and what they cost by counting one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from toy_clips import spec

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.models.build import build
from spikesound.models.folding import fold
from spikesound.models.grid import merged_average
from spikesound.models.layers import hidden
from spikesound.models.networks.cnn import CNN
from spikesound.models.networks.sigma_delta import SigmaDeltaCNN, lag_of
from spikesound.models.spec import Spec
from spikesound.params import Params

LEVELS = 3


def rounded(params: Params, **network: object) -> Spec:
    own = {"channels": [4, 8, 6], "kernel": 3, "pool": "average", "dropout": 0.2} | network
    return spec(
        params, network_params=own, neuron="quantised_relu", neuron_params={"levels": LEVELS}
    )


def random(wanted: Spec, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    network = build(wanted).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
                module.weight.fill_(1.5)
                module.bias.uniform_(0, 0.5)
        for layer in hidden(network):
            layer.neuron.log_scale.fill_(0.0)  # type: ignore[union-attr, operator]
    fold(network)
    return network


def by_changes(wanted: Spec, twin: nn.Module) -> tuple[Spec, SigmaDeltaCNN]:
    own = wanted.with_neuron(
        "sigma_delta", {"levels": LEVELS}, network="sigma_delta_cnn", folded=True
    )
    network = build(own)
    network.load_state_dict(twin.state_dict())
    assert isinstance(network, SigmaDeltaCNN)
    return own, network.eval()


@pytest.mark.parametrize("frames", [1, 2, 5, 12, 13, 27])
@pytest.mark.parametrize("pool", ["average", "stride", "outputs"])
def test_changes_give_the_scores_of_activations(frames: int, pool: str, params: Params) -> None:
    wanted = rounded(params, pool=pool)
    twin = random(wanted)
    _, network = by_changes(wanted, twin)
    x = torch.rand(1, 6, frames, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = twin(x), network(x)
    assert expected.std() > 0.01
    assert torch.allclose(found, expected, atol=1e-4)


def test_steady_sound_sends_changes_at_both_ends_alone(params: Params) -> None:
    wanted = rounded(params)
    _, network = by_changes(wanted, random(wanted))
    sent: list[torch.Tensor] = []
    network.blocks[0].register_forward_hook(lambda m, i, out: sent.append(out[0]))
    with torch.inference_mode():
        network(torch.full((1, 1, 24, 16), 0.7))
    frames = sent[0].abs().sum((0, 1, 3))
    assert frames.shape == (14,)
    assert frames[:2].sum() > 0
    assert frames[4:10].sum() == 0, "away from the padding nothing changes"


def test_maximum_pooling_cannot_be_computed_by_changes(params: Params) -> None:
    own = rounded(params, pool="max").with_neuron(
        "sigma_delta", {"levels": LEVELS}, network="sigma_delta_cnn"
    )
    with pytest.raises(SpikesoundError, match="'max' cannot be computed by changes"):
        build(own)


def counted(wanted: Spec, network: nn.Module, x: torch.Tensor) -> dict[str, LayerCounts]:
    counts = Counted()
    with torch.inference_mode(), counting(network, wanted, counts):
        network(x)
    return {layer.layer: layer for layer in counts.layers}


def test_changes_are_counted_one_by_one(params: Params) -> None:
    wanted = rounded(params)
    own, network = by_changes(wanted, random(wanted))
    events: list[torch.Tensor] = []
    network.blocks[1].register_forward_pre_hook(lambda m, given: events.append(given[0]))
    x = torch.rand(1, 1, 9, 16)
    layers = counted(own, network, x)
    sent = events[0][0, 0]  # (channel, frame, bin)
    rows, columns = sent.shape[1] - lag_of(sent.shape[1]), sent.shape[2]
    outputs = [(size + 2 - 4) // 2 + 1 for size in (rows, columns)]
    operations = 0
    for _, frame, place in sent.nonzero().tolist():
        reached = [
            sum(0 <= at + 1 - 2 * out < 4 for out in range(size))
            for at, size in zip((frame, place), outputs, strict=True)
        ]
        operations += 8 * reached[0] * reached[1]
    layer = layers["convolution_2"]
    assert layer.effective == operations > 0
    assert layer.active_inputs == len(sent.nonzero())
    assert layer.operation == "mac"
    assert layer.inputs == 4 * rows * columns
    plain = counted(wanted, random(wanted), x)["convolution_2"]
    for name in ("weights", "outputs", "inputs", "dense", "neuron_updates"):
        assert getattr(layer, name) == getattr(plain, name), name


def test_pruned_kernels_are_not_counted(params: Params) -> None:
    plain = spec(params)
    torch.manual_seed(0)
    network = build(plain).eval()
    assert isinstance(network, CNN)
    second = network.blocks[1].convolution
    assert isinstance(second, nn.Conv2d)
    gone = torch.rand(8, 4, generator=torch.Generator().manual_seed(2)) < 0.6
    with torch.no_grad():
        second.weight[gone] = 0
    own = plain.model_copy(update={"network": "pruned_cnn"})
    pruned = build(own)
    pruned.load_state_dict(network.state_dict())
    x = torch.rand(1, 2, 12, 16)
    inputs: list[torch.Tensor] = []
    second_block = pruned.blocks[1]  # type: ignore[union-attr, index]
    second_block.register_forward_pre_hook(lambda m, given: inputs.append(given[0]))
    with torch.inference_mode():
        assert torch.equal(pruned.eval()(x), network(x))
    inputs.clear()
    before, after = counted(plain, network, x), counted(own, pruned, x)
    assert after["convolution_1"].effective == before["convolution_1"].effective
    merged = merged_average(second.weight.detach(), (2, 2))
    active = (inputs[0][0] != 0).float()
    each = nn.functional.conv2d(active, (merged != 0).float(), stride=2, padding=1)
    layer = after["convolution_2"]
    assert layer.effective == float(each.sum()) / 2 < before["convolution_2"].effective
    kept = int((~gone).sum())
    assert layer.weights == kept * 16 + 8 + 4, "kernels, biases, and a bit for each of 32 kernels"
    assert after["convolution_1"].weights == before["convolution_1"].weights
