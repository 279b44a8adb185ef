"""Neurons and event-driven layers under torch's compiler, export, autocast, types and workers."""

from __future__ import annotations

import hashlib
import multiprocessing
from multiprocessing.queues import SimpleQueue

import pytest
import torch
from spike_inputs import lif_params, spikes_of
from torch import nn
from torch.utils.data import DataLoader, Dataset

from spikesound.core.errors import SpikesoundError
from spikesound.params import NEURON_PARAMS, Params
from spikesound.snn.event_driven.spiking_linear import SpikingLinear, SpikingStack
from spikesound.snn.kernels.lif import lif
from spikesound.snn.kernels.rule import Rule
from spikesound.snn.neurons import NEURONS
from spikesound.snn.neurons.lif import LIF

RATES = [0.1, 0.8]
"""Densities below and above the crossover between sparse and dense."""


def drawn(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def stack() -> SpikingStack:
    torch.manual_seed(0)
    layers = [SpikingLinear(30, 40, lif_params()), SpikingLinear(40, 20, lif_params())]
    for each in layers:
        with torch.no_grad():
            each.linear.weight.mul_(6)
    return SpikingStack(*layers)


@pytest.mark.slow
def test_compiled_neurons_give_the_same_spikes_and_gradients() -> None:
    neuron = LIF(lif_params(learn_beta=True))
    compiled = torch.compile(neuron, backend="aot_eager")
    gradients = []
    for call in (neuron, compiled):
        currents = drawn(6, 3, 4).mul(2).requires_grad_()
        spikes = call(currents)
        spikes.mul(drawn(6, 3, 4)).sum().backward()
        gradients.append((spikes.detach(), currents.grad, neuron.beta.grad))
        neuron.beta.grad = None
    assert gradients[0][0].any()
    for mine, theirs in zip(*gradients, strict=True):
        assert mine is not None
        assert theirs is not None
        assert torch.equal(mine, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
def test_a_compiled_stack_gives_the_same_spikes(rate: float) -> None:
    network, spikes = stack(), spikes_of((5, 3, 30), rate)
    expected = network(spikes)
    assert expected.any()
    assert torch.equal(torch.compile(network, backend="eager")(spikes), expected)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("make", [lambda: LIF(lif_params(learn_beta=True)), stack])
def test_exported_modules_give_the_same_spikes(make, strict) -> None:  # type: ignore[no-untyped-def]
    module = make()
    spikes = spikes_of((5, 3, 30), 0.6)
    expected = module(spikes)
    assert expected.any()
    exported = torch.export.export(module, (spikes,), strict=strict).module()
    assert torch.equal(exported(spikes), expected)


@pytest.mark.slow
def test_a_named_kernel_says_that_it_cannot_be_exported() -> None:
    neuron = LIF(lif_params(backend="numba"))
    with pytest.raises(SpikesoundError, match="'numba' cannot be exported; 'auto' and 'torch' can"):
        torch.export.export(neuron, (drawn(3, 4),), strict=False)


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("rate", RATES)
def test_autocast_gives_spikes_of_the_weights_type(rate: float, learns: bool) -> None:
    network, spikes = stack(), spikes_of((5, 3, 30), rate)
    with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(learns):
        found = network(spikes)
    assert found.dtype == torch.float32
    assert (found != network(spikes)).float().mean() < 0.05  # weights of 8 bits move a few


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float64, torch.float16, torch.bfloat16]
)
def test_spikes_of_any_type_are_taken_on_both_ways(
    dtype: torch.dtype, rate: float, learns: bool
) -> None:
    network, spikes = stack(), spikes_of((5, 3, 30), rate)
    with torch.set_grad_enabled(learns):
        expected = network(spikes)
        assert torch.equal(network(spikes.to(dtype)), expected)
        assert torch.equal(network.frozen()(spikes.to(dtype)), expected)
        states = network.initial_state(spikes[0].to(dtype))
        for step, frame in enumerate(spikes.to(dtype)):
            out, states = network.step(frame, states)
            assert torch.equal(out, expected[step])


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64])
@pytest.mark.parametrize("name", ["lif", "integrate_and_fire", "cuba_lif", "alif"])
def test_currents_that_are_no_floats_are_taken_as_such(
    params: Params, name: str, dtype: torch.dtype
) -> None:
    currents = drawn(9, 3, 4).mul(2).to(dtype)
    found = NEURONS[name](params.neurons[name])(currents)
    assert found.any()
    assert torch.equal(found, NEURONS[name](params.neurons[name])(currents.float()))


class Spikes(Dataset[torch.Tensor]):
    """Spikes of a neuron, made where they are asked for."""

    def __init__(self, module: nn.Module, inputs: torch.Tensor) -> None:
        self.module, self.inputs = module, inputs

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> torch.Tensor:
        spikes: torch.Tensor = self.module(self.inputs)
        return spikes.detach()


def _learn(network: SpikingStack, spikes: torch.Tensor) -> list[torch.Tensor]:
    parts = [each.linear.weight for each in network if isinstance(each, SpikingLinear)]
    out = network(spikes)
    return [out.detach(), *torch.autograd.grad(out.sum(), parts)]


def _sent(queue: SimpleQueue[list[str]], network: SpikingStack, spikes: torch.Tensor) -> None:
    queue.put(_digests(_learn(network, spikes)))


def _digests(parts: list[torch.Tensor]) -> list[str]:
    return [hashlib.sha256(part.contiguous().numpy().tobytes()).hexdigest() for part in parts]


@pytest.mark.slow
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)
def test_a_forked_process_may_use_the_kernels_that_its_parent_has_used() -> None:
    network, spikes = stack(), spikes_of((50, 80, 30), 0.1)  # enough for the threads
    expected = _learn(network, spikes)
    context = multiprocessing.get_context("fork")
    queue: SimpleQueue[list[str]] = context.SimpleQueue()
    child = context.Process(target=_sent, args=(queue, network, spikes), daemon=True)
    child.start()
    child.join(120)
    assert child.exitcode == 0
    assert queue.get() == _digests(expected)


@pytest.mark.slow
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)
def test_a_forked_worker_of_a_data_loader_may_use_a_neuron() -> None:
    neuron, currents = LIF(lif_params()), drawn(6, 50)
    expected = neuron(currents)
    loader = DataLoader(
        Spikes(neuron, currents), batch_size=None, num_workers=1, multiprocessing_context="fork"
    )
    assert all(torch.equal(found, expected) for found in loader)


APART = {"quantised_relu"} | {n for n, of in NEURON_PARAMS.items() if of.by_method | of.of_code}


@pytest.mark.parametrize("name", sorted(set(NEURONS) - APART))
def test_no_steps_give_no_spikes(params: Params, name: str) -> None:
    neuron = NEURONS[name](params.neurons[name])
    assert neuron(torch.zeros(0, 2, 3)).shape == (0, 2, 3)


@pytest.mark.parametrize("backend", ["auto", "torch", "numba"])
@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3)])
def test_empty_currents_give_empty_spikes(backend: str, shape: tuple[int, ...]) -> None:
    currents = torch.zeros(shape, requires_grad=True)
    spikes = LIF(lif_params(backend=backend, learn_beta=True))(currents)
    assert spikes.shape == shape
    spikes.sum().backward()


@pytest.mark.parametrize("shape", [(0, 3, 30), (2, 0, 30)])
def test_empty_spikes_give_empty_spikes(shape: tuple[int, ...]) -> None:
    network = stack()
    assert network(torch.zeros(shape)).shape == (*shape[:2], 20)
    assert network.frozen()(torch.zeros(shape)).shape == (*shape[:2], 20)


def test_a_decay_for_each_neuron_is_each_neurons_own() -> None:
    currents = drawn(20, 3, 4).mul(0.8)
    betas = torch.tensor([0.0, 0.5, 0.9, 1.0], requires_grad=True)
    one = torch.tensor(1.0)
    spikes = lif(currents, betas, one, Rule())
    for unit, beta in enumerate(betas.detach()):
        alone = lif(currents[..., unit], beta, one, Rule())
        assert torch.equal(spikes[..., unit], alone)
    (gradient,) = torch.autograd.grad(spikes.sum(), betas)
    assert gradient.shape == (4,)
    with pytest.raises(SpikesoundError, match="'numba' takes one decay and one threshold, not 4"):
        lif(currents, betas, one, Rule(), "numba")


def test_a_stack_takes_a_decay_for_each_neuron() -> None:
    network, spikes = stack(), spikes_of((5, 3, 30), 0.1)
    expected = network(spikes)
    layer = network[0]
    assert isinstance(layer, SpikingLinear)
    layer.neuron.beta = nn.Parameter(torch.full((40,), 0.9))
    assert torch.equal(network(spikes), expected)
    with pytest.raises(SpikesoundError, match=r"layer 0: .*one decay and threshold; not .* 40 and"):
        network.frozen()
