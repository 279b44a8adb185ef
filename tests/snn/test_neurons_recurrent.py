"""Recurrent neurons against snnTorch's, and by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import snntorch
import torch
from project import ROOT
from snntorch import surrogate

from spikesound.params import ALIFParams, CubaLIFParams, IFParams, Params
from spikesound.snn.neurons import NEURONS, RECURRENT, SpikingNeuron
from spikesound.snn.neurons.recurrent import RecurrentIF

FEATURES = 6
SPIKE = {"threshold": 1.0, "surrogate": "atan", "slope": 2.0}
LIF = (
    Params.load(ROOT / "params.yaml")
    .neurons["lif"]
    .model_copy(update=SPIKE | {"beta": 0.7, "learn_beta": False})
)
CUBA = CubaLIFParams.model_validate(SPIKE | {"alpha": 0.6, "beta": 0.7, "learn_decays": False})
PLAIN = IFParams.model_validate(SPIKE | {"initial": 0.0})


def snntorch_leaky(beta: float) -> torch.nn.Module:
    cell: torch.nn.Module = snntorch.RLeaky(
        beta=beta, linear_features=FEATURES, spike_grad=surrogate.atan(alpha=2.0)
    )
    return cell


def snntorch_synaptic() -> torch.nn.Module:
    cell: torch.nn.Module = snntorch.RSynaptic(
        alpha=0.6, beta=0.7, linear_features=FEATURES, spike_grad=surrogate.atan(alpha=2.0)
    )
    return cell


@pytest.mark.parametrize(
    ("name", "section", "theirs", "states"),
    [
        ("lif", LIF, lambda: snntorch_leaky(0.7), 2),
        ("integrate_and_fire", PLAIN, lambda: snntorch_leaky(1.0), 2),
        ("cuba_lif", CUBA, snntorch_synaptic, 3),
    ],
)
def test_spikes_and_gradients_are_snntorchs(
    name: str, section: object, theirs: Callable[[], torch.nn.Module], states: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    ours, cell = RECURRENT[name](section, FEATURES), theirs()
    recurrent = cell.recurrent
    assert isinstance(recurrent, torch.nn.Linear)
    weight = torch.randn(FEATURES, FEATURES, generator=generator) / 2
    with torch.no_grad():
        ours.get_parameter("recurrent.weight").copy_(weight)
        recurrent.weight.copy_(weight)
        recurrent.bias.zero_()

    def loop(currents: torch.Tensor) -> torch.Tensor:
        state = [torch.zeros_like(currents[0]) for _ in range(states)]
        spikes = []
        for current in currents.unbind(0):
            state = list(cell(current, *state))
            spikes.append(state[0])
        return torch.stack(spikes)

    values = torch.randn(25, 4, FEATURES, generator=generator)
    importance = torch.randn(25, 4, FEATURES, generator=generator)
    results = []
    for run, parameter in (
        (ours, ours.get_parameter("recurrent.weight")),
        (loop, recurrent.weight),
    ):
        currents = values.clone().requires_grad_()
        spikes = run(currents)
        (spikes * importance).sum().backward()
        assert currents.grad is not None
        assert parameter.grad is not None
        results.append((spikes.detach(), currents.grad, parameter.grad))
    (spikes, *gradients), (expected_spikes, *expected) = results
    assert torch.equal(spikes, expected_spikes)
    assert 0.05 < spikes.mean() < 0.95
    for gradient, other in zip(gradients, expected, strict=True):
        assert (gradient - other).abs().max() <= 1e-5 * other.abs().max()


def test_a_spike_is_heard_one_step_later_by_hand() -> None:
    neuron = RecurrentIF(PLAIN, 2)
    with torch.no_grad():
        neuron.recurrent.weight.copy_(torch.tensor([[0.0, 0.0], [1.5, 0.0]]))  # from 0 to 1
    currents = torch.tensor([[1.25, 0.0], [0.0, 0.0], [0.0, 0.0]]).unsqueeze(1)
    assert neuron(currents).squeeze(1).tolist() == [[1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("name", RECURRENT)
def test_without_weights_it_is_the_plain_neuron(name: str, params: Params) -> None:
    section = params.neurons[name]
    neuron = RECURRENT[name](section, FEATURES)
    with torch.no_grad():
        neuron.get_parameter("recurrent.weight").zero_()
    currents = torch.randn(20, 3, FEATURES, generator=torch.Generator().manual_seed(0))
    spikes = neuron(currents)
    assert spikes.any()
    assert torch.equal(spikes, NEURONS[name](section)(currents))


@pytest.mark.parametrize("name", RECURRENT)
def test_its_spikes_are_counted_once(name: str, params: Params) -> None:
    neuron = RECURRENT[name](params.neurons[name], FEATURES)
    assert [part for part in neuron.modules() if isinstance(part, SpikingNeuron)] == [neuron]


def test_an_adaptive_one_is_among_them() -> None:
    more = {"beta": 0.9, "rho": 0.9, "rise": 0.5, "learn_decays": True}
    neuron = RECURRENT["alif"](ALIFParams.model_validate(SPIKE | more), FEATURES)
    neuron(torch.ones(10, 2, FEATURES)).sum().backward()
    weight = neuron.get_parameter("recurrent.weight")
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0
