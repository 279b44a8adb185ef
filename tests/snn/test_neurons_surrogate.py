"""Surrogates: a step forwards, and backwards snnTorch's gradient or the paper's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snntorch import surrogate

from spikesound.core.errors import SpikesoundError
from spikesound.params import SurrogateName
from spikesound.snn.kernels.rule import Rule
from spikesound.snn.kernels.torch_lif import slope_at
from spikesound.snn.neurons.surrogate import DERIVATIVES, SURROGATES, Surrogate, spike_function

SNNTORCH: dict[str, Callable[[float], Surrogate]] = {
    "atan": lambda slope: surrogate.atan(alpha=slope),
    "fast_sigmoid": lambda slope: surrogate.fast_sigmoid(slope=slope),
    "straight_through": lambda slope: surrogate.straight_through_estimator(),
}
EXCESS = torch.linspace(-3, 3, 601)


def run(spike: Surrogate) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spikes, and the gradient of their sum weighted by 1, 2, 3 ..."""
    excess = EXCESS.clone().requires_grad_()
    spikes = spike(excess)
    (spikes * torch.arange(1.0, len(EXCESS) + 1)).sum().backward()
    assert excess.grad is not None
    return spikes.detach(), excess.grad


def test_registry_derivatives_and_parameters_name_the_same_surrogates() -> None:
    assert set(SURROGATES) == set(DERIVATIVES) == set(get_args(SurrogateName))


@pytest.mark.parametrize("slope", [0.5, 2.0, 25.0])
@pytest.mark.parametrize("name", SNNTORCH)
def test_spikes_and_gradients_are_snntorchs(name: str, slope: float) -> None:
    spikes, gradient = run(SURROGATES[name](slope))
    expected_spikes, expected = run(SNNTORCH[name](slope))
    assert torch.equal(spikes, expected_spikes)
    assert (gradient - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize("slope", [0.5, 2.0, 25.0])
@pytest.mark.parametrize("name", SURROGATES)
def test_the_kernels_of_the_leaky_neuron_use_the_same_derivatives(name: str, slope: float) -> None:
    kernel = slope_at(EXCESS, Rule(surrogate=name, slope=slope))
    assert torch.allclose(DERIVATIVES[name](EXCESS, slope), kernel, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "slope", "excess", "value"),
    [
        ("atan", 2.0, 0.0, 1.0),
        ("atan", 2.0, 1 / math.pi, 0.5),
        ("fast_sigmoid", 25.0, 0.0, 1.0),
        ("fast_sigmoid", 25.0, -0.04, 0.25),
        ("triangular", 2.0, 0.0, 1.0),
        ("triangular", 2.0, 0.25, 0.5),
        ("triangular", 2.0, -0.125, 0.75),
        ("triangular", 2.0, 0.5, 0.0),
        ("triangular", 2.0, -7.0, 0.0),
        ("straight_through", 2.0, -7.0, 1.0),
    ],
)
def test_derivatives_by_hand(name: str, slope: float, excess: float, value: float) -> None:
    assert DERIVATIVES[name](torch.tensor(excess), slope).item() == pytest.approx(value)


@pytest.mark.slow
@pytest.mark.parametrize("name", SURROGATES)
@settings(deadline=None)
@given(slope=st.floats(0.1, 50), excess=st.floats(-5, 5))
def test_derivatives_are_even_and_fall_from_the_threshold(
    name: str, slope: float, excess: float
) -> None:
    here, there, at, beyond = DERIVATIVES[name](
        torch.tensor([excess, -excess, 0.0, 2 * excess]), slope
    ).tolist()
    assert here == there
    assert at >= here >= beyond >= 0


def test_unknown_surrogate_names_section_and_valid_ones() -> None:
    with pytest.raises(SpikesoundError, match=r"neurons\.alif\.surrogate 'boxcar'.*triangular"):
        spike_function("boxcar", 1.0, "neurons.alif")
