"""Memristor-like synapses: levels, non-linearity, spread between devices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesound.training.methods.synapses import Memristors, after_depression, conductances


@given(st.integers(2, 65), st.floats(-5, 5), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_conductances_are_those_of_the_formula(levels: int, bend: float, lowest: float) -> None:
    found = conductances(levels, bend, lowest).double().numpy()
    assert len(found) == levels
    assert found[0] == pytest.approx(lowest, abs=1e-6)
    assert found[-1] == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(found) > 0).all()
    if abs(bend) > 1e-3:
        pulses, last = np.arange(levels), levels - 1
        scale = last / bend
        height = (1 - lowest) / (1 - np.exp(-last / scale))
        assert np.allclose(found, height * (1 - np.exp(-pulses / scale)) + lowest, atol=1e-5)
        steps = np.diff(found)
        assert levels == 2 or (steps[0] > steps[-1]) == (bend > 0)


@given(st.integers(2, 65), st.floats(-4, 4), st.floats(-4, 4))
@settings(max_examples=60, deadline=None)
def test_a_depressing_pulse_lowers_a_device_by_a_level_at_least(
    levels: int, up: float, down: float
) -> None:
    below = after_depression(conductances(levels, up, 0.1), down)
    assert below[0] == 0
    assert (below[1:] < torch.arange(1, levels)).all()
    assert (below >= 0).all()


def test_equal_and_mirrored_steps_of_depression() -> None:
    assert after_depression(conductances(9, 0.0, 0.0), 0.0).tolist() == [0, *range(8)]
    # Depression from the top is steepest first, where potentiation had become fine.
    below = after_depression(conductances(32, 3.0, 0.0), 3.0)
    assert 31 - below[31] > 5
    rising = conductances(32, 3.0, 0.0)
    falling = 1 - conductances(32, 3.0, 0.0)
    assert abs(float(rising[below[31]] - falling[1])) < 0.02


def test_memristors_stay_on_their_levels_and_saturate() -> None:
    generator = torch.Generator().manual_seed(0)
    devices = Memristors(
        torch.rand(6, 10, generator=generator),
        levels=8,
        nonlinearity_up=2.0,
        nonlinearity_down=1.0,
        lowest=0.1,
        variation=0.0,
        generator=generator,
    )
    allowed = set(conductances(8, 2.0, 0.1).tolist())
    won = torch.tensor([True] * 5 + [False])
    before = devices.weights().clone()
    for _ in range(4):
        devices.potentiate(won, torch.full((6, 10), 0.5))
        assert set(devices.weights().flatten().tolist()) <= allowed
    assert torch.equal(devices.weights()[5], before[5]), "it has not won"
    assert not torch.equal(devices.weights()[:5], before[:5])
    for trace, bound in ((1.0, 1.0), (0.0, 0.1)):
        for _ in range(8):
            devices.potentiate(won, torch.full((6, 10), trace))
        assert devices.weights()[:5].flatten().tolist() == pytest.approx([bound] * 50)


def test_variation_is_a_fixed_factor_of_each_device() -> None:
    def devices(variation: float) -> Memristors:
        return Memristors(
            torch.full((50, 50), 0.5),
            levels=32,
            nonlinearity_up=0.0,
            nonlinearity_down=0.0,
            lowest=0.0,
            variation=variation,
            generator=torch.Generator().manual_seed(1),
        )

    factors = devices(0.2).weights() / devices(0.0).weights()
    assert float(factors.std()) == pytest.approx(0.2, abs=0.01)
    assert float(factors.mean()) == pytest.approx(1.0, abs=0.02)
