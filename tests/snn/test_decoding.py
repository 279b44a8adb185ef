"""Read-outs, losses and the activity regulariser, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import snntorch.functional
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from spikesound.models.networks.cnn import CNN
from spikesound.models.networks.layout import Layout
from spikesound.params import CNNParams, Params
from spikesound.snn.decoding import (
    LOSSES,
    OF_MEMBRANE,
    READOUTS,
    activity_penalty,
    count_cross_entropy,
    cross_entropy,
    first_spike_step,
    membrane_cross_entropy,
    recorded_spikes,
    temporal_cross_entropy,
)
from spikesound.snn.neurons import NEURONS

# Three steps, one clip, four classes.
SPIKES = torch.tensor([[[0, 1, 0, 0]], [[0, 1, 1, 0]], [[1, 0, 1, 0]]], dtype=torch.float32)
MEMBRANE = torch.tensor([[[0.5, -1.0]], [[2.0, 0.5]], [[-1.0, 1.0]]])

trains = hnp.arrays(
    np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(2, 4))
).map(lambda values: torch.from_numpy(values).float())


@pytest.mark.parametrize(
    ("name", "values", "scores"),
    [
        ("spike_count", SPIKES, [[1, 2, 2, 0]]),
        ("first_spike", SPIKES, [[-2, 0, -1, -3]]),
        ("membrane_maximum", MEMBRANE, [[2.0, 1.0]]),
        ("membrane_sum", MEMBRANE, [[1.5, 0.5]]),
    ],
)
def test_scores_of_known_outputs(
    name: str, values: torch.Tensor, scores: list[list[float]]
) -> None:
    assert READOUTS[name](values).tolist() == scores


def test_each_readout_has_its_loss() -> None:
    assert set(LOSSES) == set(READOUTS)
    assert set(READOUTS) > OF_MEMBRANE


@pytest.mark.parametrize("name", READOUTS)
def test_each_loss_is_the_cross_entropy_of_its_readout(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(5, 3, 4, generator=generator)
    if name not in OF_MEMBRANE:
        values = values.round()
    targets = torch.rand(3, 4, generator=generator)
    scores = READOUTS[name](values)
    shares = targets / targets.sum(1, keepdim=True)
    by_hand = -(shares * (scores - scores.logsumexp(1, keepdim=True))).sum(1).mean()
    assert LOSSES[name](values, targets).item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_losses_of_known_outputs() -> None:
    targets = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    total = math.exp(1) + 2 * math.exp(2) + 1
    assert count_cross_entropy(SPIKES, targets).item() == pytest.approx(math.log(total) - 2)
    total = math.exp(-2) + 1 + math.exp(-1) + math.exp(-3)
    assert temporal_cross_entropy(SPIKES, targets).item() == pytest.approx(math.log(total))
    loss = membrane_cross_entropy(MEMBRANE, torch.tensor([[1.0, 0.0]]))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_a_clip_of_two_classes_counts_half_for_each() -> None:
    scores = torch.tensor([[1.0, 0.0, -1.0]])
    both, first, second = (
        cross_entropy(scores, torch.tensor([target])).item()
        for target in ([1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    )
    assert both == pytest.approx((first + second) / 2)


@pytest.mark.slow
@given(trains)
def test_losses_are_those_of_snntorch_for_one_class_a_clip(spikes: torch.Tensor) -> None:
    classes = torch.arange(spikes.shape[1]) % spikes.shape[2]
    targets = torch.eye(spikes.shape[2])[classes]
    theirs = snntorch.functional.ce_count_loss()(spikes, classes)
    assert count_cross_entropy(spikes, targets).item() == pytest.approx(theirs.item(), abs=1e-6)
    membrane = spikes + torch.arange(len(spikes)).reshape(-1, 1, 1) / 7
    theirs = snntorch.functional.ce_max_membrane_loss()(membrane, classes)
    ours = membrane_cross_entropy(membrane, targets)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
    # snnTorch takes a neuron without a spike for one that spikes at the last step.
    spikes[-1] = 1
    theirs = snntorch.functional.ce_temporal_loss()(spikes, classes.clone())
    assert temporal_cross_entropy(spikes, targets).item() == pytest.approx(theirs.item(), abs=1e-6)


@pytest.mark.slow
@given(trains)
def test_the_first_spike_is_found_as_by_a_slow_search(spikes: torch.Tensor) -> None:
    steps = first_spike_step(spikes)
    for clip in range(spikes.shape[1]):
        for neuron in range(spikes.shape[2]):
            train = spikes[:, clip, neuron].tolist()
            expected = train.index(1.0) if 1.0 in train else len(train)
            assert steps[clip, neuron].item() == expected


def test_the_gradient_of_the_first_spike() -> None:
    """Before it a spike would save the steps from there to it; after it nothing matters."""
    spikes = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0, 0.0]).reshape(6, 1, 1).requires_grad_()
    first_spike_step(spikes).sum().backward()
    # At the first spike: without it, the next would come two steps later.
    assert spikes.grad is not None
    assert spikes.grad.flatten().tolist() == [-2, -1, -2, 0, 0, 0]
    silent = torch.zeros(3, 1, 1, requires_grad=True)
    first_spike_step(silent).sum().backward()
    assert silent.grad is not None
    assert silent.grad.flatten().tolist() == [-3, -2, -1]


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    """Between 0 and 1, where every read-out is smooth but at ties of the maximum."""
    values = torch.rand(4, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, targets), (values.requires_grad_(),))


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_down_the_gradient_favours_the_right_class(name: str) -> None:
    values = torch.full((4, 1, 3), 0.5, requires_grad=True)
    LOSSES[name](values, torch.tensor([[0.0, 1.0, 0.0]])).backward()
    assert values.grad is not None
    push = values.grad.sum(0)[0]
    assert push[1] < 0 < push[0] == pytest.approx(push[2].item())


def test_activity_penalty_of_known_rates() -> None:
    layers = [torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0], [1.0], [1.0], [0.0]])]
    penalty = activity_penalty(layers, 0.25)
    assert penalty.item() == pytest.approx((0.25**2 + 0.5**2) / 2)


@pytest.mark.slow
@given(trains, st.floats(0, 1))
def test_activity_penalty_pulls_towards_the_target(spikes: torch.Tensor, target: float) -> None:
    spikes.requires_grad_()
    penalty = activity_penalty([spikes], target)
    penalty.backward()  # type: ignore[no-untyped-call]
    rate = spikes.mean().item()
    assert penalty.item() == pytest.approx((rate - target) ** 2, abs=1e-6)
    assert spikes.grad is not None
    expected = 2 * (rate - target) / spikes.numel()
    assert torch.allclose(spikes.grad, torch.full_like(spikes, expected), atol=1e-6)


@pytest.mark.slow
def test_the_penalty_brings_a_network_to_its_target_rate(params: Params) -> None:
    torch.manual_seed(0)
    shape = CNNParams(channels=[4, 4], kernel=3, pool="max", dropout=0.0)
    network = CNN(shape, Layout(8, 2, 4), lambda: NEURONS["lif"](params.neurons["lif"]))
    x = torch.rand(1, 4, 12, 8)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    with recorded_spikes(network) as spikes:
        for _ in range(80):
            spikes.clear()
            network(x)
            assert len(spikes) == 2
            penalty = activity_penalty(spikes, 0.1)
            optimiser.zero_grad()
            penalty.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        rates = [layer.mean().item() for layer in spikes]
    assert rates == pytest.approx([0.1, 0.1], abs=0.03)


def test_recording_ends_with_its_block(params: Params) -> None:
    network = nn.Sequential(NEURONS["lif"](params.neurons["lif"]), nn.Identity())
    with recorded_spikes(network) as spikes:
        out = network(torch.full((3, 1, 2), 2.0))
    network(torch.zeros(3, 1, 2))
    assert len(spikes) == 1
    assert torch.equal(spikes[0], out)
