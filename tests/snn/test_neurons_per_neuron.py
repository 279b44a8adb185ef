"""Adaptive neurons of the spiking benchmarks against slow references, neuron by neuron."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.params import Params, SEAdLIFParams, SiLIFParams
from spikesound.snn.neurons import NEURONS, RECURRENT, SpikingNeuron
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.per_neuron import PerNeuron, made_recurrent, widened
from spikesound.snn.neurons.se_adlif import SEAdLIF
from spikesound.snn.neurons.silif import SiLIF
from spikesound.snn.neurons.surrogate_windows import WINDOWS, window_function

FEATURES = 6
SPIKE = {"threshold": 1.0, "surrogate": "exponential", "slope": 5.0}


def se_adlif(**changes: object) -> SEAdLIF:
    values = {"tau_u_steps": [1.0, 5.0], "tau_w_steps": [5.0, 30.0], "a_most": 1.0, "b_most": 2.0}
    return SEAdLIF(SEAdLIFParams.model_validate(values | {"q": 10.0} | SPIKE | changes))


def silif(**changes: object) -> SiLIF:
    values = {"membrane_per_s": [10.0, 250.0], "adaptation_per_s": [2.5, 10.0], "step_ms": 4.0}
    return SiLIF(
        SiLIFParams.model_validate(values | {"a_most": 1.0, "b_most": 2.0} | SPIKE | changes)
    )


def slow_se_adlif(neuron: SEAdLIF, currents: list[float], at: int) -> list[float]:
    """The paper's equations for one neuron, number by number."""

    def of(place: torch.Tensor, low: float, high: float) -> float:
        return low + (high - low) * float(place.detach().flatten()[at if place.dim() else 0])

    alpha = math.exp(-1 / of(neuron.tau_u, 1.0, 5.0))
    rho = math.exp(-1 / of(neuron.tau_w, 5.0, 30.0))
    a, b = of(neuron.a, 0.0, 1.0), of(neuron.b, 0.0, 2.0)
    potential = adaptation = 0.0
    spikes = []
    for current in currents:
        potential = alpha * potential + (1 - alpha) * (current - adaptation)
        spike = float(potential > 1.0)
        if spike:
            potential = 0.0
        adaptation = rho * adaptation + (1 - rho) * 10.0 * (a * potential + b * spike)
        spikes.append(spike)
    return spikes


def slow_silif(neuron: SiLIF, currents: list[float], at: int) -> list[float]:
    """The published update for one neuron, from rest."""

    def of(value: torch.Tensor) -> float:
        return float(value.detach().flatten()[at if value.dim() else 0])

    step = math.exp(of(neuron.log_step))
    alpha = math.exp(-math.exp(of(neuron.log_membrane)) * step)
    rho = math.exp(-math.exp(of(neuron.log_adaptation)) * step)
    a, b = of(neuron.a), 2 * of(neuron.b)
    potential = adaptation = spike = 0.0
    spikes = []
    for current in currents:
        adaptation = rho * adaptation + a * potential + b * spike
        potential = alpha * (potential - spike) + (1 - alpha) * (current - adaptation)
        spike = float(potential > 1.0)
        spikes.append(spike)
    return spikes


SLOW: dict[str, tuple[Callable[[], PerNeuron], Callable[..., list[float]]]] = {
    "se_adlif": (se_adlif, slow_se_adlif),
    "silif": (silif, slow_silif),
}


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", SLOW)
def test_spikes_are_those_of_a_slow_reference(name: str, wide: bool) -> None:
    make, slow = SLOW[name]
    torch.manual_seed(0)
    neuron = make()
    if wide:
        neuron.widen(FEATURES)
    drawn = torch.rand(60, 2, FEATURES, generator=torch.Generator().manual_seed(1))
    currents = drawn * (3 if name == "se_adlif" else 25)
    with torch.no_grad():
        spikes = neuron(currents)
    assert 0.02 < spikes.mean() < 0.6
    for clip in range(2):
        for at in range(FEATURES):
            expected = slow(neuron, currents[:, clip, at].tolist(), at)
            assert spikes[:, clip, at].tolist() == expected


def test_a_potential_by_hand() -> None:
    # alpha = e^-1, rho = e^-1, a = 0, b = 1, q = 1.
    neuron = se_adlif(tau_u_steps=[1.0, 1.0], tau_w_steps=[1.0, 1.0], a_most=0.0, b_most=2.0, q=1.0)
    keep = math.exp(-1)
    state = neuron.initial_state(torch.zeros(1))
    spikes, state = neuron.step(torch.tensor([2.0]), state)
    assert spikes.item() == 1  # 2 (1 - e^-1) = 1.26
    assert state[0].item() == 0
    assert state[1].item() == pytest.approx(1 - keep)
    spikes, state = neuron.step(torch.tensor([1.0]), state)
    assert spikes.item() == 0
    assert state[0].item() == pytest.approx((1 - keep) * (1 - (1 - keep)))


def test_the_symplectic_step_uses_the_new_potential() -> None:
    # Without a spike the adaptation of the first step already has the coupling to its potential.
    neuron = se_adlif(b_most=0.0)
    _, (potential, adaptation, _) = neuron.step(
        torch.tensor([1.0]), neuron.initial_state(torch.zeros(1))
    )
    rho = math.exp(-1 / 17.5)
    assert adaptation.item() == pytest.approx((1 - rho) * 10 * 0.5 * potential.item())
    assert adaptation.item() > 0


@pytest.mark.parametrize("name", SLOW)
def test_every_constant_is_learnt_and_stays_in_its_range(name: str) -> None:
    neuron = SLOW[name][0]()
    neuron.widen(FEATURES)
    currents = 9 * torch.rand(40, 4, FEATURES, generator=torch.Generator().manual_seed(1))
    neuron(currents).sum().backward()
    for parameter in neuron.parameters():
        assert parameter.shape == (FEATURES,)
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0
    with torch.no_grad():
        for parameter in neuron.parameters():
            parameter.mul_(50)
    alpha, rho, a, b = neuron.constants()
    for decay in (alpha, rho):
        assert ((decay >= 0) & (decay <= 1)).all()
    assert a.max() <= 1
    assert b.max() <= 2


def test_constants_are_drawn_over_their_ranges() -> None:
    torch.manual_seed(0)
    neuron = silif()
    neuron.widen(2000)
    rates = neuron.log_membrane.exp()
    assert rates.min().item() == pytest.approx(10, rel=0.02)
    assert rates.max().item() == pytest.approx(250, rel=0.02)
    assert rates.median().item() == pytest.approx(50, rel=0.1)


def test_a_neuron_of_one_set_of_constants_stays_as_it_is(params: Params) -> None:
    neuron = LIF(params.neurons["lif"])
    assert widened(neuron, 5) is neuron
    assert neuron.beta.shape == ()


@pytest.mark.parametrize("name", RECURRENT)
def test_made_recurrent_it_is_the_recurrent_form(name: str, params: Params) -> None:
    plain = NEURONS[name](params.neurons[name])
    assert isinstance(plain, SpikingNeuron)
    made = made_recurrent(plain, FEATURES)
    known = RECURRENT[name](params.neurons[name], FEATURES)
    assert type(made) is type(known)
    known.load_state_dict(made.state_dict())
    currents = 2 * torch.randn(20, 3, FEATURES, generator=torch.Generator().manual_seed(0))
    assert torch.equal(made(currents), known(currents))
    assert [part for part in made.modules() if isinstance(part, SpikingNeuron)] == [made]


def test_a_neuron_without_a_recurrent_form_is_refused(params: Params) -> None:
    neuron = NEURONS["izhikevich"](params.neurons["izhikevich"])
    assert isinstance(neuron, SpikingNeuron)
    with pytest.raises(SpikesoundError, match=r"recurrent form 'Izhikevich'.*valid: alif"):
        made_recurrent(neuron, 3)


def test_windows_by_hand() -> None:
    excess = torch.tensor([-0.6, -0.5, 0.0, 0.2])
    assert WINDOWS["boxcar"](excess, 1.0).tolist() == [0, 1, 1, 1]
    expected = [math.exp(-5 * each) for each in (0.6, 0.5, 0.0, 0.2)]
    assert WINDOWS["exponential"](excess, 5.0).tolist() == pytest.approx(expected)
    assert set(WINDOWS) > {"atan", "fast_sigmoid"}
    with pytest.raises(SpikesoundError, match=r"unknown here\.surrogate 'gauss'.*boxcar"):
        window_function("gauss", 1.0, "here")


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_spike_as_a_step_and_pass_their_derivative(name: str) -> None:
    potential = torch.tensor([-0.4, -0.01, 0.01, 0.4], requires_grad=True)
    spikes = window_function(name, 1.0, "here")(potential)
    assert spikes.tolist() == [0, 0, 1, 1]
    spikes.sum().backward()
    assert potential.grad is not None
    assert torch.equal(potential.grad, WINDOWS[name](potential.detach(), 1.0))
