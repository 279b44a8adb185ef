"""Learnt delays: they act, they are learnt, and rounded they are a plain shift."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesound.params import DelayParams
from spikesound.snn.neurons import DelayedLinear
from spikesound.snn.neurons.delays import kernel, sigma_at

PARAMS = DelayParams(largest=10, sigma=5.0)


def layer(inputs: int, outputs: int, params: DelayParams = PARAMS, seed: int = 0) -> DelayedLinear:
    torch.manual_seed(seed)
    return DelayedLinear(params, inputs, outputs)


def shifted(x: torch.Tensor, steps: int) -> torch.Tensor:
    """Return x (time, ...) later by whole steps, zeros before."""
    return torch.cat([torch.zeros_like(x[:steps]), x[: len(x) - steps]])


def spikes(*shape: int, seed: int = 0, rate: float = 0.2) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


@settings(deadline=None)
@given(delay=st.integers(0, 10))
def test_a_spike_comes_out_its_delay_later(delay: int) -> None:
    linear = layer(1, 1).eval()
    with torch.no_grad():
        linear.delay.fill_(delay)
        linear.weight.fill_(0.75)
    x = torch.zeros(30, 1, 1)
    x[4] = 1
    out = linear(x).flatten()
    assert out.nonzero().flatten().tolist() == [4 + delay]
    assert out[4 + delay] == 0.75


def test_in_evaluation_it_is_an_explicit_shift() -> None:
    linear = layer(3, 4).eval()
    x = spikes(25, 2, 3)
    expected = torch.zeros(25, 2, 4)
    for j in range(4):
        for i in range(3):
            steps = round(linear.delay[j, i].item())
            expected[..., j] += linear.weight[j, i] * shifted(x[..., i], steps)
    assert torch.allclose(linear(x), expected, atol=1e-6)


def test_delays_beyond_the_ends_are_rounded_to_them() -> None:
    linear = layer(2, 1).eval()
    with torch.no_grad():
        linear.delay.copy_(torch.tensor([[-3.0, 40.0]]))
        linear.weight.fill_(1.0)
    x = torch.zeros(20, 1, 2)
    x[0] = 1
    assert linear(x).flatten().nonzero().flatten().tolist() == [0, 10]


@settings(deadline=None)
@given(
    delay=st.floats(-5, 15),
    sigma=st.floats(0.05, 5),
    weight=st.floats(0.1, 2),
    largest=st.integers(1, 12),
)
def test_kernel_spreads_the_weight_and_loses_none(
    delay: float, sigma: float, weight: float, largest: int
) -> None:
    taps = kernel(
        torch.tensor([[weight]]), torch.tensor([[delay]]), torch.tensor(sigma), largest
    ).flatten()
    assert taps.sum().item() == pytest.approx(weight, abs=1e-5)
    nearest = min(max(delay, 0), largest)
    assert abs(int(taps.argmax()) - nearest) <= 0.5 + 1e-4


def test_kernel_by_hand() -> None:
    # exp(-1/2), 1, exp(-1/2), exp(-2) about 1 with width 1
    taps = kernel(torch.tensor([[2.0]]), torch.tensor([[1.0]]), torch.tensor(1.0), 3).flatten()
    parts = torch.tensor([0.60653066, 1.0, 0.60653066, 0.13533528])
    assert torch.allclose(taps, 2 * parts / parts.sum())


def test_narrow_gaussians_meet_the_rounded_delays() -> None:
    linear = layer(3, 4)
    with torch.no_grad():
        linear.delay.round_()
    linear.set_sigma(0.1)
    x = spikes(25, 2, 3)
    assert torch.allclose(linear(x), linear.eval()(x), atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_streaming_gives_the_same_currents(training: bool) -> None:
    linear = layer(3, 4).train(training)
    x = spikes(25, 2, 3)
    whole = linear(x)
    state = linear.initial_state(x[0])
    for current, expected in zip(x, whole, strict=True):
        out, state = linear.step(current, state)
        assert torch.allclose(out, expected, atol=1e-6)


@pytest.mark.slow
def test_delays_are_learnt_from_a_teacher() -> None:
    x = spikes(60, 4, 3)
    teacher, student = layer(3, 2, seed=1).eval(), layer(3, 2, seed=2)
    with torch.no_grad():
        teacher.delay.copy_(torch.tensor([[0.0, 3.0, 6.0], [9.0, 5.0, 1.0]]))
        teacher.weight.copy_(torch.tensor([[0.8, 1.0, 0.6], [1.0, 0.7, 0.9]]))
        target = teacher(x)
        student.weight.fill_(0.5)
    before = (student.delay - teacher.delay).abs().max().item()
    # At the weights' own rate some delays end in a local minimum, steps away.
    groups = [{"params": [student.weight], "lr": 0.02}, {"params": [student.delay], "lr": 0.2}]
    optimiser = torch.optim.Adam(groups)
    epochs = 200
    for epoch in range(epochs):
        student.set_sigma(sigma_at(epoch, epochs, PARAMS))
        optimiser.zero_grad()
        (student(x) - target).square().mean().backward()
        optimiser.step()
    assert before > 2
    assert (student.delay.clamp(0, 10) - teacher.delay).abs().max() < 0.1
    # Not zero: the weights are learnt for Gaussians of width 0.5, and are too large for sharp taps.
    assert (student.eval()(x) - target).square().mean() < 0.03 * target.square().mean()


def test_width_falls_to_a_half_in_the_first_quarter() -> None:
    widths = [sigma_at(epoch, 40, PARAMS) for epoch in range(40)]
    assert widths[0] == 5.0
    assert widths[5] == pytest.approx((5.0 * 0.5) ** 0.5)
    assert widths[10:] == [0.5] * 30
    assert sigma_at(0, 1, PARAMS) == 5.0


def test_width_is_kept_with_the_weights() -> None:
    linear, copy = layer(2, 2), layer(2, 2, seed=5)
    linear.set_sigma(0.7)
    copy.load_state_dict(linear.state_dict())
    x = spikes(10, 1, 2)
    assert torch.equal(copy(x), linear(x))
