"""Work only for spikes: the sparse way against the dense one, packed spikes, streams."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_inputs import lif_params, spikes_of

from spikesound.core.errors import SpikesoundError
from spikesound.snn.event_driven import bit_words, layer, sparse, spiking_linear
from spikesound.snn.event_driven.spiking_linear import SpikingLinear, SpikingStack


def stack(*widths: int, **changes: object) -> SpikingStack:
    torch.manual_seed(0)
    layers = [
        SpikingLinear(inputs, outputs, lif_params(**changes))
        for inputs, outputs in pairwise(widths)
    ]
    for each in layers:
        with torch.no_grad():
            each.linear.weight.mul_(6)
            each.linear.bias.add_(0.05)
    return SpikingStack(*layers)


def dense(network: SpikingStack, x: torch.Tensor) -> torch.Tensor:
    for each in network:
        assert isinstance(each, SpikingLinear)
        x = each.neuron(each.linear(x))
    return x


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 5),
    samples=st.integers(1, 5),
    units=st.integers(1, 200),
    rate=st.floats(0, 1),
    seed=st.integers(0, 1000),
    kind=st.sampled_from([torch.float32, torch.uint8, torch.bool, torch.float64]),
)
def test_packed_spikes_unpack_to_what_they_were(  # type: ignore[no-untyped-def]
    steps, samples, units, rate, seed, kind
) -> None:
    spikes = spikes_of((steps, samples, units), rate, seed)
    packed = layer.pack(spikes.to(kind))
    assert packed is not None
    assert packed.count == spikes.sum()
    assert packed.density == pytest.approx(spikes.mean().item())
    assert torch.equal(packed.dense(), spikes)
    active = np.empty(packed.words.shape[2] * 64, np.int32)
    count = bit_words.find_set(packed.words[0, 0], active)
    assert active[:count].tolist() == spikes[0, 0].nonzero().flatten().tolist()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2, 3, 70), (40, 64, 70)])
def test_values_that_are_no_spikes_are_not_packed(shape: tuple[int, ...]) -> None:
    for value in (0.5, 2.0, -1.0, float("nan")):
        spikes = spikes_of(shape, 0.1)
        spikes[-1, -1, -1] = value
        assert layer.pack(spikes) is None


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("refractory", [0, 2])
@settings(max_examples=8, deadline=None)
@given(
    steps=st.integers(1, 12),
    samples=st.integers(1, 9),
    widths=st.lists(st.integers(1, 140), min_size=2, max_size=4),
    rate=st.floats(0.01, 0.25),
    seed=st.integers(0, 1000),
)
def test_the_sparse_way_spikes_as_the_dense_one(  # type: ignore[no-untyped-def]
    reset, refractory, steps, samples, widths, rate, seed
) -> None:
    network = stack(*widths, reset=reset, refractory=refractory)
    x = spikes_of((steps, samples, widths[0]), rate, seed)
    with torch.no_grad():
        expected = dense(network, x)
        # Sums in another order: a spike may differ where a potential is at the threshold by 1e-6.
        assert (network(x) != expected).float().mean() <= 1e-3
        assert torch.equal(network.frozen()(x), network(x))


@pytest.mark.slow
@pytest.mark.parametrize("refractory", [0, 2])
def test_the_sparse_way_has_the_gradients_of_the_dense_one(refractory: int) -> None:
    network = stack(70, 130, 90, 10, learn_beta=True, learn_threshold=True, refractory=refractory)
    x = spikes_of((20, 16, 70), 0.1).requires_grad_()
    leaves = [x, *network.parameters()]
    weights = torch.randn(20, 16, 10, generator=torch.Generator().manual_seed(3))
    found = []
    for call in (network, lambda x: dense(network, x)):
        out = call(x)
        assert out.any()
        found.append((out, torch.autograd.grad((out * weights).sum(), leaves)))
    assert torch.equal(found[0][0], found[1][0])
    for a, b in zip(found[0][1], found[1][1], strict=True):
        assert a.shape == b.shape
        assert b.abs().max() > 0
        # A decay's or threshold's is one long sum of both signs, of which more is lost.
        tolerance = 1e-5 if a.ndim else 1e-4
        assert (a - b).abs().max() <= tolerance * b.abs().max()


def test_the_sparse_way_is_the_one_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    kernel = sparse.forward_serial

    def counted(inputs: bit_words.Words, *others: object) -> int:
        calls.append(inputs.size)
        return kernel(inputs, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(sparse, "forward_serial", counted)
    network = stack(40, 30, 20)
    network(spikes_of((5, 1, 40), 0.05))
    assert len(calls) == 2, "few spikes: both layers sparse"
    calls.clear()
    network(spikes_of((5, 1, 40), 0.9))
    assert len(calls) <= 1, "many spikes: the first layer is dense"
    calls.clear()
    with torch.no_grad():
        network(0.5 * spikes_of((5, 1, 40), 0.05))
    assert len(calls) <= 1, "no spikes at all, but values: the first layer is dense"


@pytest.mark.parametrize("crossover", [0.0, 1.0])
def test_a_layer_may_change_its_way_within_a_stack(
    crossover: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = stack(40, 60, 30, 10)
    x = spikes_of((10, 4, 40), 0.1).requires_grad_()
    expected = torch.autograd.grad(dense(network, x).sum(), x)[0]
    monkeypatch.setattr(spiking_linear, "TRAINING_CROSSOVER", crossover)
    found = torch.autograd.grad(network(x).sum(), x)[0]
    assert expected.abs().max() > 0
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_sparse_layer_after_which_a_dense_one_comes_passes_on_its_spikes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = stack(40, 60, 10)
    x = spikes_of((10, 4, 40), 0.02).requires_grad_()
    hidden = dense(SpikingStack(network[0]), x).mean().item()
    assert hidden > 0.03
    monkeypatch.setattr(spiking_linear, "TRAINING_CROSSOVER", 0.03)
    monkeypatch.setattr(spiking_linear, "INFERENCE_CROSSOVER", 0.03)
    expected = dense(network, x)
    assert torch.equal(network(x), expected)
    with torch.no_grad():
        assert torch.equal(network(x), expected)
        assert torch.equal(network.frozen()(x), expected)
    weights = torch.autograd.grad(network(x).sum(), network[0].linear.weight)[0]
    theirs = torch.autograd.grad(dense(network, x).sum(), network[0].linear.weight)[0]
    assert (weights - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    network = stack(70, 200, 150)
    x = spikes_of((30, 33, 70), 0.1)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            out = network(x)
            found.append((out, *torch.autograd.grad(out.sum(), list(network.parameters())[:1])))
    finally:
        torch.set_num_threads(threads)
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("refractory", [0, 3])
def test_a_stream_of_steps_gives_the_spikes_of_one_call(refractory: int) -> None:
    network = stack(40, 70, 20, refractory=refractory)
    x = spikes_of((25, 3, 40), 0.1)
    with torch.no_grad():
        whole = network(x)
        states = first = network.initial_state(x[0])
        spikes = []
        for step in x:
            out, states = network.step(step, states)
            spikes.append(out)
    assert whole.any()
    assert torch.equal(torch.stack(spikes), whole)
    assert not any(part.any() for state in first for part in state), "states are made anew"


def test_no_spikes_in_and_no_bias_give_no_spikes_out() -> None:
    network = stack(40, 70, 20)
    with torch.no_grad():
        for each in network:
            each.linear.bias.zero_()
        assert not network(torch.zeros(10, 3, 40)).any()


def test_a_frozen_stack_does_not_follow_further_training() -> None:
    network = stack(40, 70, 20)
    x = spikes_of((25, 3, 40), 0.1)
    frozen = network.frozen()
    before = frozen(x)
    with torch.no_grad():
        network[0].linear.weight.mul_(-1)
        assert not torch.equal(network(x), before)
    assert torch.equal(frozen(x), before)


def test_a_stack_that_cannot_be_frozen_says_why() -> None:
    with pytest.raises(SpikesoundError, match=r"layer 0: .*not torch.float32, cpu, torch"):
        stack(4, 5, backend="torch").frozen()


@pytest.mark.slow
def test_a_frozen_stack_on_one_clip_is_the_stack_bit_for_bit() -> None:
    network = stack(40, 70, 20, refractory=2)
    frozen = network.frozen()
    for kind in (torch.float32, torch.uint8, torch.bool):
        x = spikes_of((25, 1, 40), 0.1)
        with torch.no_grad():
            expected = network(x)
        assert expected.any()
        assert torch.equal(frozen(x.to(kind)), expected)


def test_values_that_are_no_spikes_go_through_a_frozen_stack_densely() -> None:
    network = stack(40, 70, 20)
    x = 0.5 * spikes_of((25, 1, 40), 0.1)
    with torch.no_grad():
        expected = dense(network, x)
    assert expected.any()
    assert torch.equal(network.frozen()(x), expected)


@pytest.mark.parametrize("shape", [(5, 2, 41), (5, 40), (5, 2, 3, 40)])
def test_spikes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    network = stack(40, 30)
    for call in (network, network[0], network.frozen()):
        with pytest.raises(SpikesoundError, match=r"takes \(time, batch, 40\)"):
            call(spikes_of(shape, 0.1))


def test_layers_that_do_not_fit_each_other_are_not_frozen() -> None:
    with pytest.raises(SpikesoundError, match="layer 1 takes 6 inputs; the one before it puts out"):
        SpikingStack(*stack(4, 5), *stack(6, 7)).frozen()


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    network = stack(4, 3)
    x = spikes_of((3, 2, 4), 0.2).requires_grad_()
    assert 0 < x.mean() < spiking_linear.TRAINING_CROSSOVER
    with pytest.raises(SpikesoundError, match="no second derivative"):
        torch.autograd.grad(network(x).sum(), x, create_graph=True)
