"""Neurons: hand-computed traces, gradients, and what every one obeys."""

from __future__ import annotations

import math

import pytest
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.params import NEURON_PARAMS, LIFParams, Params
from spikesound.snn.neurons import NEURONS, SpikingNeuron
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.spiking import substeps
from spikesound.snn.neurons.surrogate import SURROGATES


def lif(beta: float = 0.5, *, learn: bool = False, surrogate: str = "atan") -> LIF:
    return LIF(
        LIFParams.model_validate(
            {
                "beta": beta,
                "learn_beta": learn,
                "threshold": 1.0,
                "learn_threshold": False,
                "reset": "subtract",
                "refractory": 0,
                "surrogate": surrogate,
                "slope": 2.0,
                "backend": "auto",
            }
        )
    )


def test_registry_and_parameters_name_the_same_neurons() -> None:
    assert set(NEURONS) == set(NEURON_PARAMS)


@pytest.mark.parametrize(
    ("name", "values"), [("relu", [0.0, 0.5, 3.0]), ("quantised_relu", [0.0, 2 / 3, 2.0])]
)
def test_neurons_of_conventional_networks_by_hand(name: str, values: list[float]) -> None:
    section = NEURON_PARAMS[name].model_validate({} if name == "relu" else {"levels": 3})
    assert section.activation_bits == (None if name == "relu" else 2)
    found = NEURONS[name](section)(torch.tensor([-1.0, 0.5, 3.0]))  # levels of 2 / 3, up to 2
    assert found.tolist() == pytest.approx(values)


@pytest.mark.parametrize(
    "name",
    [n for n, each in NEURON_PARAMS.items() if each.spikes and not each.of_code | each.by_method],
)
def test_every_neuron_keeps_the_contract(name: str, params: Params) -> None:
    neuron = NEURONS[name](params.neurons[name])
    assert isinstance(neuron, SpikingNeuron)
    currents = 2 * torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    spikes = neuron(currents)
    assert spikes.shape == currents.shape
    most = substeps(neuron)
    assert set(spikes.unique().tolist()) == set(range(most + 1))
    assert torch.equal(spikes, neuron(currents)), "no state is kept between calls"
    assert not neuron(torch.zeros_like(currents)).any(), "no current, no spike"


def test_lif_trace_by_hand() -> None:
    # U: 0.6, 0.9, 1.05 (spike), 0.525 + 0.6 - 1 = 0.125, 1.0625 (spike), -0.46875
    currents = torch.tensor([0.6, 0.6, 0.6, 0.6, 1.0, 0.0]).reshape(-1, 1)
    assert lif()(currents).flatten().tolist() == [0, 0, 1, 0, 1, 0]


def test_lif_reset_subtracts_the_threshold_and_keeps_the_rest() -> None:
    # U: 5 (spike), 2.5 - 1 = 1.5 (spike), 0.75 - 1 = -0.25; a reset to zero would spike once.
    assert lif()(torch.tensor([5.0, 0.0, 0.0]).reshape(-1, 1)).flatten().tolist() == [1, 1, 0]


def test_lif_at_the_threshold_stays_silent() -> None:
    assert lif()(torch.tensor([[1.0]])).item() == 0
    assert lif()(torch.tensor([[1.0001]])).item() == 1


def test_lif_gradient_by_hand() -> None:
    # Two steps without spikes: S_1 depends on I_0 through beta alone.
    currents = torch.tensor([[0.2], [0.4]], requires_grad=True)
    lif(0.5)(currents)[1].sum().backward()
    potential = 0.5 * 0.2 + 0.4
    slope = 2.0 / 2 / (1 + (math.pi / 2 * 2.0 * (potential - 1)) ** 2)
    assert currents.grad is not None
    assert currents.grad.flatten().tolist() == pytest.approx([0.5 * slope, slope], rel=1e-5)


def test_learnt_decay_gets_a_gradient() -> None:
    neuron = lif(learn=True)
    neuron(torch.full((4, 2), 0.4)).sum().backward()
    beta = neuron.beta
    assert beta.grad is not None
    assert beta.grad.abs() > 0


@pytest.mark.parametrize("name", SURROGATES)
def test_surrogates_spike_as_a_step_and_pass_a_gradient(name: str) -> None:
    potential = torch.tensor([-0.4, -0.01, 0.01, 0.4], requires_grad=True)
    spikes = SURROGATES[name](2.0)(potential)
    assert spikes.tolist() == [0, 0, 1, 1]
    spikes.sum().backward()
    assert potential.grad is not None
    assert (potential.grad > 0).all()


def test_unknown_surrogate_lists_the_valid_ones() -> None:
    section = LIFParams.model_construct(
        beta=0.5, learn_beta=False, threshold=1.0, surrogate="boxcar", slope=1.0
    )
    with pytest.raises(SpikesoundError, match="valid: atan, fast_sigmoid, straight_through"):
        LIF(section)
