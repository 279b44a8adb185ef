"""The frozen spiking CNN against the network it was made from."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_inputs import lif_params, spikes_of
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference import merged_pooling
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models.networks.cnn import CNN
from spikesound.models.networks.layout import Layout
from spikesound.params import CNNParams, IFParams
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.lif import LIF

GRID = 64
"""Weights are multiples of 1/64, and sums of some hundred of them exact in float32."""


def cnn(
    neuron: Callable[[], nn.Module],
    channels: list[int],
    *,
    bins: int = 12,
    steps: int = 4,
    kernel: int = 3,
    pool: str = "average",
    **layout: object,
) -> CNN:
    """Make a network whose norms do something, and whose neurons spike."""
    torch.manual_seed(0)
    section = CNNParams.model_validate(
        {"channels": channels, "kernel": kernel, "pool": pool, "dropout": 0.2}
    )
    network = CNN(section, Layout(bins, 5, steps, **layout), neuron)  # type: ignore[arg-type]
    for block in network.blocks:
        norm = block.norm
        with torch.no_grad():
            norm.weight.uniform_(0.5, 3)
            norm.bias.uniform_(0.1, 0.8)
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.running_var.uniform_(0.05, 0.2)
    return network.eval()


def exact(network: CNN) -> CNN:
    """Round the folded weights, so that all sums are exact and each spike is determined."""
    for block in network.blocks:
        block.fold()
        with torch.no_grad():
            for values in (block.convolution.weight, block.convolution.bias):
                values.mul_(GRID).round_().clamp_(-GRID, GRID).div_(GRID)
    return network


def lif(**changes: object) -> Callable[[], nn.Module]:
    values = {"beta": 0.5} | changes
    return lambda: LIF(lif_params(**values))


def integrate(initial: float) -> Callable[[], nn.Module]:
    section = IFParams(threshold=0.75, initial=initial, surrogate="atan", slope=2.0)
    return lambda: IF(section)


def spikes_of_last(network: CNN, x: torch.Tensor) -> torch.Tensor:
    """Return the last block's spikes, summed over steps and averaged over bins."""
    with torch.no_grad():
        return network.summary(network.weighted(x), network.layout.steps)


def frozen_summary(network: CNN, x: torch.Tensor, crossover: float = 2.0) -> torch.Tensor:
    summary = FrozenCNN(network, crossover)._summary(x)
    return torch.from_numpy(summary).permute(0, 2, 1)


NEURON_KINDS = {
    "lif": lif(),
    "beta 0": lif(beta=2.0**-100),
    "reset zero": lif(reset="zero"),
    "no reset": lif(reset="none"),
    "refractory": lif(refractory=2),
    "refractory, reset zero": lif(refractory=1, reset="zero"),
    "if": integrate(0.0),
    "if, half a threshold": integrate(0.5),
    "if, a whole threshold": integrate(1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("crossover", [-1.0, 2.0], ids=["dense", "sparse"])
@pytest.mark.parametrize("pool", ["average", "stride", "outputs"])
@pytest.mark.parametrize("name", NEURON_KINDS)
def test_spikes_are_the_networks_where_sums_are_exact(
    name: str, pool: str, crossover: float
) -> None:
    network = exact(cnn(NEURON_KINDS[name], [16, 32, 48], bins=20, pool=pool))
    x = spikes_of((4, 3, 27, 20), 0.3)
    wanted = spikes_of_last(network, x)
    assert 0.02 < wanted.mean() / 4 < 0.9
    assert torch.equal(frozen_summary(network, x, crossover), wanted)
    assert torch.equal(FrozenCNN(network, crossover)(x), network(x))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 5),
    samples=st.integers(1, 4),
    frames=st.integers(1, 30),
    bins=st.integers(1, 70),
    kernel=st.integers(1, 9),
    channels=st.lists(st.sampled_from([1, 3, 16, 17, 40, 130]), min_size=1, max_size=3),
    rate=st.floats(0, 1),
    pool=st.sampled_from(["average", "stride", "outputs"]),
    seed=st.integers(0, 1000),
)
def test_any_size_gives_the_networks_spikes(  # type: ignore[no-untyped-def]
    steps, samples, frames, bins, kernel, channels, rate, pool, seed
) -> None:
    network = exact(cnn(lif(), channels, bins=bins, steps=steps, kernel=kernel, pool=pool))
    x = spikes_of((steps, samples, frames, bins), rate, seed)
    assert torch.equal(frozen_summary(network, x), spikes_of_last(network, x))


@pytest.mark.parametrize("share", [1, 3, 100])
def test_the_result_does_not_depend_on_how_frames_are_shared_out(
    share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = cnn(lif(), [16, 32, 64])
    x = spikes_of((4, 5, 40, 12), 0.3)
    wanted = FrozenCNN(network)(x)
    monkeypatch.setattr(merged_pooling, "SHARE", share)
    monkeypatch.setattr(merged_pooling, "TASKS", 1)
    assert torch.equal(FrozenCNN(network)(x), wanted)


@pytest.mark.parametrize("neuron", ["lif", "if"])
def test_scores_are_near_to_those_of_a_network_with_norms(neuron: str) -> None:
    network = cnn(NEURONS_BY_NAME[neuron], [16, 32, 64], bins=40)
    x = spikes_of((4, 8, 60, 40), 0.15)
    wanted = spikes_of_last(network, x)
    got = frozen_summary(network, x)
    assert (got != wanted).float().mean() < 0.01  # a spike on the edge may differ, and what follows
    assert torch.allclose(FrozenCNN(network)(x), network(x), atol=0.02)


NEURONS_BY_NAME: dict[str, Callable[[], nn.Module]] = {"lif": lif(), "if": integrate(0.5)}


def test_one_step_of_values_is_repeated() -> None:
    network = exact(cnn(lif(), [16, 32], steps=6))
    x = (spikes_of((1, 3, 20, 12), 0.5) * 5).mul(1 / 8)
    assert torch.equal(frozen_summary(network, x), spikes_of_last(network, x))
    ones = spikes_of((1, 3, 20, 12), 0.5)  # spikes that look like any others
    assert torch.equal(frozen_summary(network, ones), spikes_of_last(network, ones))


def test_weights_of_steps_are_put_on_the_input() -> None:
    network = exact(cnn(lif(), [16, 32], step_weights=(0.5, 0.25, 0.125, 2.0)))
    x = spikes_of((4, 3, 20, 12), 0.4)
    got = frozen_summary(network, x)
    assert torch.equal(got, spikes_of_last(network, x))
    one = spikes_of((1, 3, 20, 12), 0.4)
    assert torch.equal(frozen_summary(network, one), spikes_of_last(network, one))
    plain = exact(cnn(lif(), [16, 32]))
    assert not torch.equal(got, spikes_of_last(plain, x))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.float64])
def test_spikes_of_any_type_give_the_same(kind: torch.dtype) -> None:
    network = cnn(lif(), [16, 32])
    x = spikes_of((4, 3, 20, 12), 0.3)
    assert torch.equal(FrozenCNN(network)(x.to(kind)), FrozenCNN(network)(x))
    mixed = (x * 0.5).transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.allclose(FrozenCNN(network)(mixed), network(mixed), atol=1e-3)


def test_the_network_may_train_on_and_the_frozen_one_stays() -> None:
    network = cnn(lif(), [16, 32])
    x = spikes_of((4, 3, 20, 12), 0.3)
    frozen = FrozenCNN(network)
    before = frozen(x)
    assert not before.requires_grad
    network.train()
    with torch.no_grad():
        for values in network.parameters():
            values.add_(0.1)
    assert network.training
    assert isinstance(network.blocks[0].norm, nn.BatchNorm2d)
    assert torch.equal(frozen(x), before)


def test_a_folded_network_freezes_to_the_same() -> None:
    network = cnn(lif(), [16, 32])
    x = spikes_of((4, 3, 20, 12), 0.3)
    before = FrozenCNN(network)(x)
    for block in network.blocks:
        block.fold()
    assert torch.equal(FrozenCNN(network)(x), before)


@pytest.mark.parametrize(
    "shape",
    [(4, 3, 20), (3, 3, 20, 12), (4, 3, 20, 13), (4, 0, 20, 12), (4, 3, 0, 12), (0, 1, 1, 12)],
)
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SpikesoundError, match="input has shape"):
        FrozenCNN(cnn(lif(), [16]))(torch.zeros(shape))


def test_networks_that_the_kernels_do_not_know_are_refused() -> None:
    with pytest.raises(SpikesoundError, match="neuron ReLU cannot be frozen; valid: LIF, IF"):
        FrozenCNN(cnn(nn.ReLU, [16]))
    with pytest.raises(SpikesoundError, match="pool 'max' cannot be frozen; valid: average"):
        FrozenCNN(cnn(lif(), [16], pool="max"))
    with pytest.raises(SpikesoundError, match="a readout of neurons cannot be frozen; valid: rate"):
        FrozenCNN(cnn(lif(), [16], readout="spike_count"))
    with pytest.raises(SpikesoundError, match=r"float64 on cpu; a frozen network is float32"):
        FrozenCNN(cnn(lif(), [16]).double())
    with pytest.raises(SpikesoundError, match="Linear: expected a network with a method layers"):
        FrozenCNN(nn.Linear(2, 2))  # type: ignore[arg-type]
