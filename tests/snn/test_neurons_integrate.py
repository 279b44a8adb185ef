"""Integrate-and-fire, current-based and adaptive neurons: traces by hand, and snnTorch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snntorch import surrogate

from spikesound.params import ALIFParams, CubaLIFParams, IFParams
from spikesound.snn.neurons.alif import ALIF
from spikesound.snn.neurons.cuba_lif import CubaLIF
from spikesound.snn.neurons.if_ import IF
from spikesound.snn.neurons.spiking import SpikingNeuron

SPIKE = {"threshold": 1.0, "surrogate": "atan", "slope": 2.0}


def integrate_and_fire() -> IF:
    return IF(IFParams.model_validate(SPIKE | {"initial": 0.0}))


def cuba_lif(alpha: float = 0.8, beta: float = 0.6, *, learn: bool = False) -> CubaLIF:
    decays = {"alpha": alpha, "beta": beta, "learn_decays": learn}
    return CubaLIF(CubaLIFParams.model_validate(SPIKE | decays))


def alif(beta: float = 0.5, rho: float = 0.5, rise: float = 0.5, *, learn: bool = False) -> ALIF:
    more = {"beta": beta, "rho": rho, "rise": rise, "learn_decays": learn}
    return ALIF(ALIFParams.model_validate(SPIKE | more))


def spikes_of(neuron: SpikingNeuron, currents: list[float]) -> list[float]:
    spikes: list[float] = neuron(torch.tensor(currents).reshape(-1, 1)).flatten().tolist()
    return spikes


def test_integrate_and_fire_by_hand() -> None:
    # U: 0.75, 1.5 (spike), 0.5 + 0.75 = 1.25 (spike), 0.25, 1.0 (not above), -0.5, 1.25 (spike)
    currents = [0.75, 0.75, 0.75, 0.0, 0.75, -1.5, 1.75]
    assert spikes_of(integrate_and_fire(), currents) == [0, 1, 1, 0, 0, 0, 1]


@pytest.mark.slow
@settings(deadline=None)
@given(current=st.floats(0, 1), steps=st.integers(1, 60))
def test_integrate_and_fire_counts_its_input(current: float, steps: int) -> None:
    count = sum(spikes_of(integrate_and_fire(), [current] * steps))
    assert current * steps - 1 - 1e-4 <= count <= current * steps + 1e-4


def test_cuba_lif_by_hand() -> None:
    # alpha 0.5, beta 0.5. J: 1, 0.5, 0.25, 1.125; U: 1 (not above), 1 (not), 0.75, 1.5 (spike)
    # then J: 0.5625, U: 0.75 + 0.5625 - 1 = 0.3125
    assert spikes_of(cuba_lif(0.5, 0.5), [1, 0, 0, 1, 0]) == [0, 0, 0, 1, 0]
    neuron = cuba_lif(0.5, 0.5)
    state = neuron.initial_state(torch.zeros(1))
    for current in [1.0, 0.0, 0.0, 1.0, 0.0]:
        _, state = neuron.step(torch.tensor([current]), state)
    assert [value.item() for value in state] == [0.5625, 0.3125]


def test_alif_by_hand() -> None:
    # beta = rho = kappa = 0.5, current 1.25 throughout; a is due to the spikes before.
    #  t   U                          a     threshold   S
    #  0   1.25                       0     1           1
    #  1   0.625 + 1.25 - 1 = 0.875   1     1.5         0
    #  2   0.4375 + 1.25 = 1.6875     0.5   1.25        1
    #  3   0.84375 + 0.25 = 1.09375   1.25  1.625       0
    #  4   0.546875 + 1.25 = 1.796875 0.625 1.3125      1
    neuron = alif()
    state = neuron.initial_state(torch.zeros(1))
    trace = []
    for _ in range(5):
        spikes, state = neuron.step(torch.tensor([1.25]), state)
        trace.append((state[0].item(), state[1].item(), spikes.item()))
    assert trace == [
        (1.25, 0, 1),
        (0.875, 1, 0),
        (1.6875, 0.5, 1),
        (1.09375, 1.25, 0),
        (1.796875, 0.625, 1),
    ]


def test_alif_slows_down_under_a_constant_current() -> None:
    times = torch.tensor(spikes_of(alif(0.9, 0.98, 1.0), [0.5] * 200)).nonzero().flatten()
    intervals = times.diff()
    assert len(intervals) > 5
    assert intervals[-1] >= 2 * intervals[0]


def test_alif_without_a_rise_is_leaky() -> None:
    currents = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    leaky = snntorch.Leaky(beta=0.5, spike_grad=surrogate.atan(alpha=2.0))
    assert torch.equal(alif(rise=0.0)(currents), loop(leaky, currents, 1))


def test_alif_error_reaches_back_through_the_adaptation() -> None:
    # The potential forgets at once (beta about 0); the spike at 0 raises the threshold at 1 and 2.
    currents = torch.tensor([[1.5], [0.0], [0.9]], requires_grad=True)
    alif(beta=1e-9, rho=0.5, rise=0.5)(currents)[2].sum().backward()
    assert currents.grad is not None
    excess = [1.5 - 1, 0.0 - 1 - 1 - 0.5, 0.9 - 1 - 0.25]
    first, middle, last = [1 / (1 + (torch.pi * above) ** 2) for above in excess]
    expected = -0.5 * last * (0.5 - 0.5 * middle) * first  # a_2 = rho S_0 + S_1, S_1 by a_1 = S_0
    assert currents.grad[0].item() == pytest.approx(expected, rel=1e-4)


def loop(cell: torch.nn.Module, currents: torch.Tensor, states: int) -> torch.Tensor:
    """Run snnTorch's neuron over time from rest."""
    state = [torch.zeros_like(currents[0]) for _ in range(states)]
    spikes = []
    for current in currents.unbind(0):
        spike, *state = cell(current, *state)
        spikes.append(spike)
    return torch.stack(spikes)


def leaky_without_leak() -> torch.nn.Module:
    cell: torch.nn.Module = snntorch.Leaky(beta=1.0, spike_grad=surrogate.atan(alpha=2.0))
    return cell


def synaptic() -> torch.nn.Module:
    cell: torch.nn.Module = snntorch.Synaptic(
        alpha=0.8, beta=0.6, spike_grad=surrogate.atan(alpha=2.0)
    )
    return cell


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "theirs", "states"),
    [(integrate_and_fire, leaky_without_leak, 1), (cuba_lif, synaptic, 2)],
)
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), gain=st.floats(0.1, 2))
def test_spikes_and_gradients_are_snntorchs(
    ours: Callable[[], SpikingNeuron],
    theirs: Callable[[], torch.nn.Module],
    states: int,
    seed: int,
    gain: float,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = gain * torch.randn(25, 3, 4, generator=generator)
    weight = torch.randn(25, 3, 4, generator=generator)
    results = []
    for run in (ours(), lambda currents: loop(theirs(), currents, states)):
        currents = values.clone().requires_grad_()
        spikes = run(currents)
        (spikes * weight).sum().backward()
        assert currents.grad is not None
        results.append((spikes.detach(), currents.grad))
    (spikes, gradient), (expected_spikes, expected) = results
    assert torch.equal(spikes, expected_spikes)
    assert (gradient - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("make", [cuba_lif, alif])
def test_decays_are_learnt_if_asked_for(make: Callable[..., SpikingNeuron]) -> None:
    learnt, fixed = make(learn=True), make(learn=False)
    learnt(torch.full((6, 2), 0.7)).sum().backward()
    assert all(value.grad is not None and value.grad != 0 for value in learnt.parameters())
    assert len(list(learnt.parameters())) == 2
    assert not any(value.requires_grad for value in fixed.parameters())
