"""Decoders of codes: the value comes back within the bound that the docstring states."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spikesound.params import (
    BurstParams,
    DeltaParams,
    LatencyParams,
    Params,
    PhaseParams,
    PopulationParams,
    RateParams,
    TTFSParams,
)
from spikesound.snn.encoding import ENCODINGS

ROUNDING = 1e-5
unit = st.floats(0, 1, width=32)
pictures = hnp.arrays(np.float32, st.tuples(st.integers(1, 7), st.integers(1, 5)), elements=unit)


def there_and_back(name: str, x: torch.Tensor, params: Any) -> torch.Tensor:
    spikes = ENCODINGS[name].encode(x, params, torch.Generator().manual_seed(0))
    return ENCODINGS[name].decode(spikes, params)


def worst(name: str, x: torch.Tensor, params: Any) -> float:
    return (there_and_back(name, x, params) - x).abs().max().item()


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_decoder_returns_the_shape_and_the_range(name: str, params: Params) -> None:
    x = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(2))
    estimate = there_and_back(name, x, params.encodings[name])
    assert estimate.shape == x.shape
    assert estimate.dtype == torch.float32
    assert (estimate >= 0).all()
    assert (estimate <= 1).all()


@pytest.mark.slow
@given(pictures)
def test_direct_comes_back_exactly(values: np.ndarray) -> None:
    x = torch.from_numpy(values)
    assert torch.equal(there_and_back("direct", x, None), x)


@pytest.mark.slow
@given(pictures, st.integers(1, 64), st.floats(0.25, 4.0))
def test_deterministic_rate_is_within_half_a_spike(
    values: np.ndarray, steps: int, gain: float
) -> None:
    x = torch.from_numpy(values).clamp(max=min(1.0, 1 / gain))
    bound = 1 / (2 * gain * steps)
    assert worst("rate_deterministic", x, RateParams(steps=steps, gain=gain)) <= bound + ROUNDING


def test_rates_above_what_can_be_sent_come_back_as_the_highest() -> None:
    params = RateParams(steps=8, gain=2.0)
    for name in ("rate", "rate_deterministic"):
        estimate = there_and_back(name, torch.tensor([0.6, 1.0]), params)
        assert estimate.tolist() == [0.5, 0.5]


def test_more_spikes_than_full_scale_is_worth_come_back_as_full_scale() -> None:
    params = RateParams(steps=2, gain=0.25)
    assert there_and_back("rate_deterministic", torch.ones(1), params).tolist() == [1.0]
    drawn = there_and_back("rate", torch.ones(100), params)
    assert set(drawn.tolist()) == {0.0, 1.0}


@settings(max_examples=20)
@given(st.floats(0.0, 1.0), st.integers(2, 16), st.floats(1.0, 2.0))
def test_drawn_rate_has_the_mean_and_the_deviation_stated(
    value: float, steps: int, gain: float
) -> None:
    value /= gain
    count = 4000
    estimate = there_and_back(
        "rate", torch.full((count,), value), RateParams(steps=steps, gain=gain)
    )
    deviation = math.sqrt(gain * value * (1 - gain * value) / steps) / gain
    assert abs(estimate.mean().item() - value) <= 5 * deviation / math.sqrt(count) + ROUNDING
    assert estimate.std().item() <= 1.2 * deviation + 1e-2


@pytest.mark.slow
@given(pictures, st.integers(1, 16), unit)
def test_latency_is_within_half_a_step(values: np.ndarray, steps: int, threshold: float) -> None:
    bound = max((1 - threshold) / (2 * steps), threshold / 2)
    params = LatencyParams(steps=steps, threshold=threshold)
    assert worst("latency", torch.from_numpy(values), params) <= bound + ROUNDING


@pytest.mark.slow
@given(pictures, st.integers(1, 40), st.floats(0.1, 1.0), st.floats(0.5, 20.0))
def test_ttfs_is_within_half_the_fall_of_the_threshold(
    values: np.ndarray, steps: int, start: float, tau: float
) -> None:
    params = TTFSParams(steps=steps, threshold=start, tau_steps=tau)
    x = torch.from_numpy(values)
    error = (there_and_back("ttfs", x, params) - x).abs()
    edges = np.array([1.0, *(start * np.exp(-np.arange(steps) / tau)), 0.0])
    bounds = (edges[:-1] - edges[1:]) / 2
    spikes = ENCODINGS["ttfs"].encode(x, params, torch.Generator())
    step = np.where(spikes.any(0), spikes.int().argmax(0), steps)
    assert (error.numpy() <= bounds[step] + ROUNDING).all()


@pytest.mark.slow
@given(pictures, st.integers(1, 12), st.integers(1, 3))
def test_phase_is_within_half_the_last_digit(values: np.ndarray, phases: int, periods: int) -> None:
    params = PhaseParams(steps=phases * periods, phases=phases)
    assert worst("phase", torch.from_numpy(values), params) <= 2.0 ** -(phases + 1) + 1e-6


@pytest.mark.slow
@given(pictures, st.integers(1, 8), st.integers(1, 4), st.integers(0, 9))
def test_burst_is_within_half_a_count(
    values: np.ndarray, most: int, shortest: int, more: int
) -> None:
    params = BurstParams(
        steps=200, spikes_max=most, interval_min=shortest, interval_max=shortest + more
    )
    assert worst("burst", torch.from_numpy(values), params) <= 1 / (2 * most) + ROUNDING


def test_the_interval_of_a_burst_narrows_what_its_count_says() -> None:
    """Two spikes: 0.5 < x <= 1. Intervals 11 - 9 x: the value to a ninth."""
    params = BurstParams(steps=20, spikes_max=2, interval_min=2, interval_max=11)
    x = torch.linspace(0.51, 1.0, 50)
    assert worst("burst", x, params) <= 1 / 18 + ROUNDING
    assert there_and_back("burst", torch.tensor([0.6]), params).item() == pytest.approx(5.5 / 9)


@pytest.mark.slow
@given(pictures, st.integers(1, 12), st.floats(0.02, 1.0))
def test_delta_stays_within_the_threshold_where_the_steps_suffice(
    values: np.ndarray, steps: int, threshold: float
) -> None:
    params = DeltaParams(steps=steps, threshold=threshold)
    x = torch.from_numpy(values)
    estimate = there_and_back("delta", x, params)
    error = (estimate - x).abs()
    if (steps + 1) * threshold >= 1:
        assert error.max().item() <= threshold + ROUNDING
    before = torch.cat([torch.zeros(1, x.shape[1]), estimate[:-1]])
    left = (x - before).abs() - steps * threshold
    assert (error <= left.clamp(min=threshold) + ROUNDING).all()


def test_delta_catches_up_with_a_change_too_large_for_one_frame() -> None:
    x = torch.ones(5, 1)
    estimate = there_and_back("delta", x, DeltaParams(steps=1, threshold=0.25))
    assert estimate.flatten().tolist() == [0.25, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.slow
@given(pictures, st.integers(1, 16), st.integers(3, 9), st.floats(1.0, 2.0), st.floats(0.0, 0.4))
def test_population_is_within_the_reach_of_the_nearest_neuron(
    values: np.ndarray, steps: int, neurons: int, gamma: float, threshold: float
) -> None:
    params = PopulationParams(steps=steps, neurons=neurons, gamma=gamma, threshold=threshold)
    response = math.exp(-(gamma**2) / 8)
    level = (response - threshold) / (1 - threshold)
    step = math.floor((1 - level) * steps)
    least = threshold + (1 - threshold) * (1 - (step + 1) / steps)
    reach = math.sqrt(-2 * math.log(least)) if least > 0 else math.inf
    bound = min(0.5, reach / gamma / (neurons - 2))
    assert worst("population", torch.from_numpy(values), params) <= bound + 1e-4


def test_population_is_finer_with_more_neurons() -> None:
    x = torch.linspace(0, 1, 201).unsqueeze(0)
    few, many = (
        worst("population", x, PopulationParams(steps=8, neurons=k, gamma=1.5, threshold=0.1))
        for k in (4, 12)
    )
    assert many < few / 3


def test_every_encoder_says_what_its_spikes_are_worth(params: Params) -> None:
    for name, encoding in ENCODINGS.items():
        section = params.encodings[name]
        values = encoding.step_values(section)
        assert len(values) == (1 if name == "direct" else section.steps), name


# Half of the last digit is no spike's; the number of a burst's spikes is rounded up.
OFF = {"latency": 0.0, "ttfs": 0.0, "rate_deterministic": 0.0, "phase": 2**-9, "burst": 0.2}


@pytest.mark.slow
@pytest.mark.parametrize("name", OFF)
@given(pictures)
def test_what_spikes_are_worth_adds_up_to_what_is_decoded(
    name: str, params: Params, x: npt.NDArray[np.float32]
) -> None:
    section = params.encodings[name]
    values = torch.from_numpy(x)
    spikes = ENCODINGS[name].encode(values, section, torch.Generator())
    total = torch.tensordot(ENCODINGS[name].step_values(section), spikes.float(), 1)
    decoded = ENCODINGS[name].decode(spikes, section)
    spiked = spikes.any(0)
    assert ((total - decoded).abs() <= OFF[name] + ROUNDING)[spiked].all()
    assert (total[~spiked] == 0).all()
