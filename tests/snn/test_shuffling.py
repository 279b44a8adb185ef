"""Spikes at other times: how many there are stays, when they are does not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikesound.snn.shuffling import jittered, shuffled_in_time


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(steps: int, seed: int, rate: float = 0.4) -> torch.Tensor:
    return (torch.rand(steps, 3, 5, generator=seeded(seed)) < rate).float()


@pytest.mark.slow
@given(st.integers(1, 9), st.integers(0, 50), st.integers(0, 4))
def test_every_neuron_keeps_its_number_of_spikes(steps: int, seed: int, most: int) -> None:
    spikes = drawn(steps, seed)
    for moved in (jittered(spikes, most, seeded(1)), shuffled_in_time(spikes, seeded(1))):
        assert torch.equal(moved.sum(0), spikes.sum(0))
        assert set(moved.unique().tolist()) <= {0.0, 1.0}


def test_shuffled_times_are_even() -> None:
    first = torch.zeros(4, 4000)
    first[0] = 1
    shares = shuffled_in_time(first, seeded()).mean(1)
    assert torch.allclose(shares, torch.full((4,), 0.25), atol=0.03)


def test_a_lone_spike_moves_evenly_within_its_bounds() -> None:
    lone = torch.zeros(9, 6000)
    lone[4] = 1
    moved = jittered(lone, 2, seeded())
    assert moved[:2].sum() == moved[7:].sum() == 0
    assert torch.allclose(moved[2:7].mean(1), torch.full((5,), 0.2), atol=0.03)
    edge = torch.zeros(9, 6000)
    edge[0] = 1
    assert torch.allclose(
        jittered(edge, 2, seeded())[:3].mean(1), torch.full((3,), 1 / 3), atol=0.03
    )


def test_no_jitter_moves_nothing_and_a_full_train_stays_full() -> None:
    spikes = drawn(6, 0)
    assert torch.equal(jittered(spikes, 0, seeded()), spikes)
    full = torch.ones(4, 2)
    assert torch.equal(jittered(full, 3, seeded()), full)
    assert jittered(spikes.bool(), 1, seeded()).dtype == torch.bool
