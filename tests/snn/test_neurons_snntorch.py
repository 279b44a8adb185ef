"""Neurons that snnTorch defines: traces by hand, and its spikes and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import snntorch
import torch
from snntorch import surrogate

from spikesound.core.errors import SpikesoundError
from spikesound.params import NEURON_PARAMS, Params
from spikesound.params.base import parsed
from spikesound.snn.neurons import NEURONS, SpikingNeuron

SPIKE = {"threshold": 1.0, "surrogate": "atan", "slope": 2.0}
RESETS = ("subtract", "zero", "none")
Loop = Callable[[torch.Tensor], torch.Tensor]


def ours(kind: str, **values: Any) -> SpikingNeuron:
    neuron = NEURONS[kind](parsed(NEURON_PARAMS[kind], SPIKE | values, ("neurons", kind)))
    assert isinstance(neuron, SpikingNeuron)
    return neuron


def spikes_of(neuron: SpikingNeuron, currents: list[float]) -> list[float]:
    spikes: list[float] = neuron(torch.tensor(currents).reshape(-1, 1)).flatten().tolist()
    return spikes


def theirs(make: Callable[[], torch.nn.Module]) -> Loop:
    """Return a loop over time from rest; a neuron of snnTorch's keeps its state."""

    def run(currents: torch.Tensor) -> torch.Tensor:
        cell = make()
        spikes = []
        for current in currents.unbind(0):
            spike = cell(current)
            spikes.append(spike[0] if isinstance(spike, tuple) else spike)
        return torch.stack(spikes)

    return run


def gradient() -> Any:
    return surrogate.atan(alpha=2.0)


def alpha(reset: str) -> tuple[SpikingNeuron, Loop]:
    decays = {"alpha": 0.9, "beta": 0.7}
    cell = ours("alpha", learn_decays=False, reset=reset, **decays)
    more = {"spike_grad": gradient(), "reset_mechanism": reset, "init_hidden": True}
    return cell, theirs(lambda: snntorch.Alpha(**decays, **more))


def lapicque(reset: str) -> tuple[SpikingNeuron, Loop]:
    cell = ours("lapicque", resistance=5.1, capacitance=0.7, time_step=0.9, reset=reset)
    more = {"spike_grad": gradient(), "reset_mechanism": reset, "init_hidden": True}
    return cell, theirs(lambda: snntorch.Lapicque(R=5.1, C=0.7, time_step=0.9, **more))


def rleaky(reset: str) -> tuple[SpikingNeuron, Loop]:
    values = {"learn_beta": False, "learn_recurrent": False, "recurrent": 0.4, "reset": reset}
    cell = ours("rleaky", beta=0.8, **values)
    more = {"spike_grad": gradient(), "reset_mechanism": reset, "init_hidden": True}
    return cell, theirs(
        lambda: snntorch.RLeaky(beta=0.8, V=0.4, all_to_all=False, learn_recurrent=False, **more)
    )


def delta_leaky(reset: str) -> tuple[SpikingNeuron, Loop]:
    more = {"spike_grad": gradient(), "init_hidden": True}
    return ours("delta_leaky", beta=0.8, learn_beta=False), theirs(
        lambda: snntorch.DeltaLeaky(delta_threshold=1.0, beta=0.8, **more)
    )


def synaptic(reset: str) -> tuple[SpikingNeuron, Loop]:
    cell = ours("cuba_lif", alpha=0.9, beta=0.8, learn_decays=False)
    return cell, theirs(
        lambda: snntorch.Synaptic(alpha=0.9, beta=0.8, spike_grad=gradient(), init_hidden=True)
    )


EACH = [(make, reset) for make in (alpha, lapicque, rleaky) for reset in RESETS]
EACH += [(delta_leaky, "none"), (synaptic, "subtract")]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "reset"), EACH)
@pytest.mark.parametrize("gain", [0.7, 3.0])
def test_spikes_and_gradients_are_snntorchs(make: Any, reset: str, gain: float) -> None:
    neuron, loop = make(reset)
    generator = torch.Generator().manual_seed(0)
    values = gain * torch.randn(60, 3, 40, generator=generator)
    weight = torch.randn(60, 3, 40, generator=generator)
    results = []
    for run in (neuron, loop):
        currents = values.clone().requires_grad_()
        spikes = run(currents)
        (spikes * weight).sum().backward()
        results.append((spikes.detach(), currents.grad))
    (found, slope), (expected, expected_slope) = results
    assert 0.001 < expected.mean() < 0.9
    assert torch.equal(found, expected)
    assert slope is not None
    assert expected_slope is not None
    assert (slope - expected_slope).abs().max() <= 1e-5 * expected_slope.abs().max()


def test_a_change_either_way_is_a_spike() -> None:
    # U: 1.5 (rise of 1.5: spike), 0.75 (fall of .75), 2.375 (spike), .1875 (spike), .09375
    neuron = ours("delta_leaky", beta=0.5, learn_beta=False)
    assert spikes_of(neuron, [1.5, 0.0, 2.0, -1.0, 0.0]) == [1, 0, 1, 1, 0]


def test_its_own_spike_comes_back_as_a_current() -> None:
    # beta 0.5, V 1.25. U: 1.5 (spike), .75 + 1.25 - 1 = 1 (not above), .5, 1.5 (spike), 1
    values = {"learn_beta": False, "learn_recurrent": False, "recurrent": 1.25}
    neuron = ours("rleaky", beta=0.5, reset="subtract", **values)
    assert spikes_of(neuron, [1.5, 0.0, 0.0, 1.25, 0.0]) == [1, 0, 0, 1, 0]


def test_a_circuit_leaks_by_its_time_constant() -> None:
    # R C = 4: 3/4 of the potential stays, and a current adds half of itself.
    neuron = ours("lapicque", resistance=2.0, capacitance=2.0, time_step=1.0, reset="subtract")
    state = neuron.initial_state(torch.zeros(1))
    trace = []
    for current in (1.0, 2.0, 0.0):
        spikes, state = neuron.step(torch.tensor([current]), state)
        trace.append((state[0].item(), spikes.item()))
    assert trace == [(0.5, 0), (1.375, 1), (0.03125, 0)]


def test_the_response_to_a_pulse_rises_and_falls() -> None:
    neuron = ours("alpha", alpha=0.9, beta=0.8, learn_decays=False, reset="none", threshold=99.0)
    state = neuron.initial_state(torch.zeros(1))
    potentials = []
    for current in [1.0, *[0.0] * 40]:
        _, state = neuron.step(torch.tensor([current]), state)
        potentials.append(state[2].item())
    highest = max(potentials)
    assert potentials[0] == 0, "excitation and inhibition cancel at once"
    assert 2 < potentials.index(highest) < 12
    assert potentials[-1] < 0.1 * highest


def test_learnt_constants_get_gradients() -> None:
    learnt = {"learn_beta": True, "learn_recurrent": True}
    for neuron, count in (
        (ours("rleaky", beta=0.5, recurrent=0.2, reset="subtract", **learnt), 2),
        (ours("alpha", alpha=0.9, beta=0.8, reset="subtract", learn_decays=True), 2),
        (ours("delta_leaky", beta=0.5, learn_beta=True), 1),
    ):
        neuron(torch.full((9, 2), 0.7)).sum().backward()
        grads = [value.grad for value in neuron.parameters() if value.requires_grad]
        assert len(grads) == count
        assert all(grad is not None and bool(grad.isfinite()) and grad != 0 for grad in grads)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("alpha", {"alpha": 0.5, "beta": 0.5}, "neurons.alpha: beta must be below alpha"),
        ("lapicque", {"time_step": 9.0}, "neurons.lapicque: time_step must be at most resistance"),
        ("rleaky", {"reset": "hard"}, "neurons.rleaky.reset: .*'subtract', 'zero' or 'none'"),
    ],
)
def test_constants_that_make_no_neuron_are_refused(
    kind: str, values: dict[str, Any], message: str, params: Params
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        parsed(NEURON_PARAMS[kind], params.neurons[kind].model_dump() | values, ("neurons", kind))
