"""Quantised weights: few values, a small error, a gradient that goes straight through."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from spikesound.models.networks import NETWORKS
from spikesound.models.networks.layout import Layout
from spikesound.params import Params
from spikesound.snn.quantisation.weights import (
    call_quantised,
    fake_quantise,
    quantise_weights,
    synapses,
)

BITS: list[int] = [8, 4]
weights = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    elements=st.floats(-100, 100, width=32).filter(lambda value: not 0 < abs(value) < 1e-6),
).map(torch.from_numpy)


def per_channel(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *([1] * (like.dim() - 1)))


def test_four_bits_of_known_weights() -> None:
    weight = torch.tensor([[7.0, -3.4, 0.4, -0.6], [0.14, -0.07, 0.031, 0.0], [0.0] * 4])
    expected = torch.tensor([[7.0, -3.0, 0.0, -1.0], [0.14, -0.08, 0.04, 0.0], [0.0] * 4])
    # 0.14 / 7 = 0.02: -0.07 is -3.5 steps (to even: -4), 0.031 is 1.55 (2)
    assert torch.allclose(fake_quantise(weight, 4), expected, atol=1e-7)


@pytest.mark.slow
@given(weights, st.sampled_from(BITS))
def test_the_error_is_half_a_step_and_the_values_are_few(weight: torch.Tensor, bits: int) -> None:
    out = fake_quantise(weight, bits)
    largest = 2 ** (bits - 1) - 1
    step = weight.abs().flatten(1).amax(1) / largest
    assert ((out - weight).abs() <= per_channel(step, weight) * 0.5001).all()
    numbers = out / per_channel(step, weight).clamp(min=1e-12)
    assert torch.allclose(numbers, numbers.round(), atol=1e-3)
    assert numbers.abs().max() <= largest + 1e-3
    assert (out[weight == 0] == 0).all()
    assert torch.allclose(fake_quantise(out, bits), out, rtol=1e-6, atol=0), "twice is once"


@pytest.mark.slow
@given(weights, st.sampled_from(BITS), st.lists(st.integers(-4, 4), min_size=4, max_size=4))
def test_scaling_a_channel_scales_its_values(
    weight: torch.Tensor, bits: int, powers: list[int]
) -> None:
    """What a batch norm does: each output channel has its own step."""
    scale = per_channel(torch.tensor([2.0**power for power in powers]), weight)[: len(weight)]
    assert torch.equal(fake_quantise(weight * scale, bits), fake_quantise(weight, bits) * scale)


@pytest.mark.parametrize("bits", BITS)
def test_the_gradient_goes_straight_through(bits: int) -> None:
    weight = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with torch.no_grad():
        weight[1] = 0
    upstream = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    (fake_quantise(weight, bits) * upstream).sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, upstream)


@pytest.fixture(params=["cnn", "lstm"])
def network(request: pytest.FixtureRequest, params: Params) -> nn.Module:
    torch.manual_seed(0)
    section = params.networks[request.param]
    return NETWORKS[request.param](section, Layout(8, 3), nn.ReLU).eval()


X = torch.rand(1, 2, 12, 8, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("bits", BITS)
def test_a_network_is_called_as_if_rounded_and_then_rounded(network: nn.Module, bits: int) -> None:
    before = copy.deepcopy(network.state_dict())
    full, quantised = network(X), call_quantised(network, bits, X)
    assert not torch.equal(full, quantised)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    quantise_weights(network, bits)
    assert torch.allclose(network(X), quantised, atol=1e-6)
    changed = {
        name for name, value in network.state_dict().items() if (value != before[name]).any()
    }
    assert changed == set(synapses(network))
    for weight in synapses(network).values():
        for channel in weight.flatten(1):
            assert len(channel.unique()) <= 2**bits - 1


def test_gradients_reach_the_full_weights(network: nn.Module) -> None:
    call_quantised(network, 4, X).square().sum().backward()
    assert synapses(network)
    for name, weight in synapses(network).items():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_only_synapses_are_quantised() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)
            self.norm = nn.BatchNorm1d(2)
            self.recurrent = nn.LSTM(2, 2)
            self.beta = nn.Parameter(torch.ones(2, 1, 1))

    assert set(synapses(Odd())) == {
        "linear.weight",
        "recurrent.weight_ih_l0",
        "recurrent.weight_hh_l0",
    }


@pytest.mark.slow
def test_training_at_four_bits_beats_rounding_afterwards() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 6, generator=generator)
    y = (x @ torch.randn(6, 12, generator=generator)).relu() @ torch.randn(
        12, 3, generator=generator
    )
    errors = []
    for aware in (False, True):
        torch.manual_seed(1)
        network = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
        optimiser = torch.optim.Adam(network.parameters(), lr=0.03)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 400)
        for _ in range(400):
            out = call_quantised(network, 4, x) if aware else network(x)
            optimiser.zero_grad()
            (out - y).square().mean().backward()
            optimiser.step()
            schedule.step()
        quantise_weights(network, 4)
        errors.append((network(x) - y).square().mean().item() / y.var().item())
    assert errors[1] < 0.8 * errors[0]
