"""Step by step, state handed on, every neuron gives the spikes of one call on the whole."""

from __future__ import annotations

import pytest
import torch

from spikesound.params import NEURON_PARAMS, Params
from spikesound.snn.neurons import NEURONS, RECURRENT, SpikingNeuron

FEATURES = 5


def make(kind: str, name: str, params: Params) -> SpikingNeuron:
    section = params.neurons[name]
    torch.manual_seed(3)  # of the recurrent weights
    if kind == "recurrent":
        return RECURRENT[name](section, FEATURES)
    neuron = NEURONS[name](section)
    assert isinstance(neuron, SpikingNeuron)
    return neuron


SPIKING = [
    name
    for name, each in NEURON_PARAMS.items()
    if each.spikes and not each.by_method | each.of_code
]
EVERY = [("plain", name) for name in SPIKING] + [("recurrent", name) for name in RECURRENT]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_streaming_gives_the_same_spikes(kind: str, name: str, params: Params) -> None:
    neuron = make(kind, name, params)
    currents = 2 * torch.randn(20, 4, FEATURES, generator=torch.Generator().manual_seed(0))
    whole = neuron(currents)
    assert 0.02 < whole.mean() < 0.9
    state = neuron.initial_state(currents[0])
    for current, expected in zip(currents, whole, strict=True):
        spikes, state = neuron.step(current, state)
        assert torch.equal(spikes, expected)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_gradient_reaches_the_first_current(kind: str, name: str, params: Params) -> None:
    neuron = make(kind, name, params)
    level = 0.02 if name == "curr_exp" else 0.3  # it holds still after a spike
    currents = torch.full((3, 2, FEATURES), level, requires_grad=True)
    neuron(currents)[-1].sum().backward()
    assert currents.grad is not None
    assert currents.grad.isfinite().all()
    assert (currents.grad[0] != 0).all()


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_weights_survive_a_state_dict(kind: str, name: str, params: Params) -> None:
    neuron = make(kind, name, params)
    with torch.no_grad():
        for value in neuron.parameters():
            value.mul_(0.9)
    copy = make(kind, name, params)
    copy.load_state_dict(neuron.state_dict())
    currents = 2 * torch.randn(10, 3, FEATURES, generator=torch.Generator().manual_seed(1))
    assert torch.equal(copy(currents), neuron(currents))
