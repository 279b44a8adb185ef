"""The compiled kernel of several spikes a frame: the plain loop's numbers and gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.params import MultiSpikeLIFParams
from spikesound.snn.kernels.multi_spike import suits
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF
from spikesound.snn.neurons.spiking import SpikingNeuron

RESETS = st.sampled_from(["none", "subtract"])


def neuron(reset: str, levels: int = 3) -> MultiSpikeLIF:
    params = {"beta": 0.4, "learn_beta": True, "levels": levels, "reset": reset}
    return MultiSpikeLIF(MultiSpikeLIFParams.model_validate(params))


def drawn(frames: int, columns: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(frames, 2, columns, generator=generator) * 3


@given(RESETS, st.integers(1, 5), st.integers(1, 9), st.integers(1, 1200), st.integers(0, 40))
def test_numbers_and_gradients_are_the_loops(
    reset: str, levels: int, frames: int, columns: int, seed: int
) -> None:
    currents = drawn(frames, columns, seed).requires_grad_()
    weights = drawn(frames, columns, seed + 1)
    found = neuron(reset, levels)
    ours, plain = found(currents), SpikingNeuron.whole(found, currents)
    assert torch.equal(ours, plain)
    of_ours = torch.autograd.grad((ours * weights).sum(), (currents, found.beta))
    of_plain = torch.autograd.grad((plain * weights).sum(), (currents, found.beta))
    assert torch.equal(of_ours[0], of_plain[0])
    torch.testing.assert_close(of_ours[1], of_plain[1], rtol=1e-3, atol=1e-2)


def test_ties_are_rounded_as_torch_rounds_them() -> None:
    currents = torch.tensor([[-0.5, 0.5, 1.5, 2.5, 3.5, 9.0]])
    assert neuron("none")(currents).tolist() == [[0.0, 0.0, 2.0, 2.0, 3.0, 3.0]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_potential_in_float32(dtype: torch.dtype) -> None:
    currents, found = drawn(40, 50, 3).to(dtype).requires_grad_(), neuron("none")
    numbers = found(currents)
    assert numbers.dtype == dtype
    assert torch.equal(numbers.float(), found(currents.detach().float()))
    (gradient,) = torch.autograd.grad(numbers.sum(), currents)
    assert gradient.dtype == dtype


def test_currents_stay_as_they_were() -> None:
    currents = drawn(5, 6, 1)
    before = currents.clone()
    neuron("none")(currents)
    assert torch.equal(currents, before)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 3, 2)])
def test_the_gradient_lies_in_memory_as_the_currents(order: tuple[int, ...]) -> None:
    laid = torch.rand([(7, 2, 3, 5)[axis] for axis in order])
    currents = laid.permute([order.index(axis) for axis in range(4)]).requires_grad_()
    (gradient,) = torch.autograd.grad(neuron("none")(currents).sum(), currents)
    assert gradient.stride() == currents.stride()


def test_a_second_backward_pass_is_refused_and_not_wrong() -> None:
    total = neuron("none")(drawn(5, 6, 1).requires_grad_()).sum()
    total.backward(retain_graph=True)
    with pytest.raises(SpikesoundError, match="runs once"):
        total.backward()


def test_other_types_take_the_plain_loop() -> None:
    currents = drawn(5, 6, 1).double()
    assert not suits(currents)
    assert neuron("none").double()(currents).dtype == torch.float64
    assert not suits(torch.empty(5, 0))
