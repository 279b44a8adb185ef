"""Neurons of sparse networks: traces worked out by hand, and what they are equal to."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.params import IntegerLIFParams, SingleSpikeNeuronParams
from spikesound.snn.neurons.integer_lif import IntegerLIF, one_by_one
from spikesound.snn.neurons.sigma_delta import changes, summed
from spikesound.snn.neurons.single_spike import SingleSpike, slope_weights, spike_values


def integer(levels: int, *, binary: bool = False) -> IntegerLIF:
    return IntegerLIF(IntegerLIFParams(beta=0.5, learn_beta=True, levels=levels, binary=binary))


def test_a_trace_of_numbers_of_spikes() -> None:
    currents = torch.tensor([0.6, 0.6, 2.7, -3.0]).view(4, 1)
    # U = .6, left -.4; U = .4, left .4; U = 2.9, 2 of 3, left .9; U = -2.55
    assert integer(2)(currents).flatten().tolist() == [0.5, 0.0, 1.0, 0.0]


def test_the_same_trace_one_spike_after_the_other() -> None:
    currents = torch.tensor([0.6, 0.6, 2.7, -3.0]).view(4, 1).repeat_interleave(2, 0)
    spikes = integer(2, binary=True)(currents).flatten().tolist()
    assert spikes == [1, 0, 0, 0, 1, 1, 0, 0]


@pytest.mark.slow
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 40))
def test_substeps_stand_for_the_number(levels: int, steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    currents = torch.randn(steps, 2, 3, generator=generator) * levels
    shares = torch.rand(steps, levels, 2, 3, generator=generator)
    parts = currents.unsqueeze(1) * shares / shares.mean(1, keepdim=True)
    counted, spikes = integer(levels)(currents), integer(levels, binary=True)(parts.flatten(0, 1))
    assert torch.equal(spikes, one_by_one((counted * levels).round(), levels))
    assert torch.allclose(spikes.unflatten(0, (steps, levels)).mean(1), counted)


def test_substeps_that_are_no_whole_steps_are_refused() -> None:
    with pytest.raises(SpikesoundError, match="whole steps of 4 substeps, got 6"):
        integer(4, binary=True)(torch.zeros(6, 1))


def test_the_gradient_passes_where_spikes_can_be_counted() -> None:
    currents = torch.tensor([[-0.2, 0.2, 1.4, 2.5]], requires_grad=True)
    integer(2)(currents).sum().backward()
    assert currents.grad is not None
    assert currents.grad.tolist() == [[0.0, 0.5, 0.5, 0.0]]


single = SingleSpike(SingleSpikeNeuronParams())


@pytest.mark.parametrize(("current", "step"), [(0.1, None), (0.2, 2), (0.5, 1), (0.9, 0), (5.0, 0)])
def test_a_steady_current_decides_the_time_of_the_spike(current: float, step: int | None) -> None:
    spikes = single(torch.full((3, 1), current)).flatten()
    assert spikes.nonzero().flatten().tolist() == ([] if step is None else [step])


@pytest.mark.slow
@given(st.integers(1, 8), st.integers(0, 60))
def test_it_is_an_integrator_with_a_falling_threshold(steps: int, seed: int) -> None:
    """By the definition: slopes add up, the potential integrates, a threshold falls to meet it."""
    currents = torch.randn(steps, 40, generator=torch.Generator().manual_seed(seed)).double()
    slope = potential = torch.zeros(40, dtype=torch.double)
    for current in currents:
        slope = slope + 2 * current / (steps * (steps + 1))
        potential = potential + slope
    expected, silent = torch.zeros(steps, 40), torch.ones(40, dtype=torch.bool)
    for step in range(steps):
        threshold = (steps - step - 0.5) / steps
        fired = silent & (potential >= threshold - 1e-12)
        expected[step] = fired.float()
        silent &= ~fired
    near = ((potential * steps + 0.5) % 1 - 0.5).abs() > 0.499  # on the edge of a level
    spikes = single(currents).float()
    assert torch.equal(spikes[:, ~near], expected[:, ~near])
    assert (spikes.sum(0) <= 1).all()


def test_weights_of_steps() -> None:
    assert slope_weights(4).sum().item() == pytest.approx(1)
    assert spike_values(4).tolist() == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize("lag", [1, 2])
def test_changes_add_up_to_the_activations(lag: int) -> None:
    x = torch.tensor([1.0, 1.0, 3.0, 0.0]).view(1, 4, 1)
    sent = changes(x, lag)
    expected = {1: [1, 0, 2, -3, 0], 2: [1, 1, 2, -1, -3, 0]}[lag]
    assert sent.flatten().tolist() == expected
    assert torch.equal(summed(sent, lag), x)


def test_the_sum_of_an_odd_number_of_frames() -> None:
    x = torch.rand(2, 7, 3)
    assert torch.allclose(summed(changes(x, 2), 2), x, atol=1e-6)
