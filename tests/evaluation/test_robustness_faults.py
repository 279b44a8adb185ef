"""Faults of hardware in copies of a network: as many and as strong as asked for."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from disturbed_clips import network as made_network
from disturbed_clips import spec
from torch import nn

from spikesound.evaluation.robustness.faults import FAULTS, WEIGHT_FAULTS, faults_of, faulty, firing
from spikesound.evaluation.robustness.runs import quick
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models.networks.cnn import CNN, Block
from spikesound.params import Params
from spikesound.snn.quantisation.weights import fake_quantise, synapses


def network(params: Params, *, spiking: bool) -> nn.Module:
    return made_network(spec(params, "snn-cnn" if spiking else "ann-cnn"))


def sound(seed: int = 0, *, steps: int = 1) -> torch.Tensor:
    return torch.rand(steps, 5, 12, 16, generator=torch.Generator().manual_seed(seed))


def outputs(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Return what each block puts out, its faults included."""
    found: list[torch.Tensor] = []
    blocks = [module for module in net.modules() if isinstance(module, Block)]
    hooks = [
        block.register_forward_hook(lambda m, i, out: found.append(out.detach()))
        for block in blocks
    ]
    net(x)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("spiking", [False, True])
def test_a_fault_changes_a_copy_and_repeats_itself(
    name: str, spiking: bool, params: Params
) -> None:
    net = network(params, spiking=spiking)
    before, x = copy.deepcopy(net.state_dict()), sound()
    healthy = net(x)
    level = 4.0 if name == "weight_bits" else 0.3
    peaks = firing(net, lambda watched: watched(x))
    first, second = (faulty(net, name, level, 7, peaks)(x) for _ in range(2))
    assert not torch.equal(first, healthy)
    assert torch.equal(first, second)
    assert torch.equal(net(x), healthy)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize("spiking", [False, True])
def test_stuck_neurons_are_the_same_in_every_clip_and_the_others_are_free(
    spiking: bool, params: Params
) -> None:
    net, x = network(params, spiking=spiking), sound(steps=3 if spiking else 1)
    peaks = firing(net, lambda watched: watched(x))
    if spiking:
        assert peaks == [1.0, 1.0]
    else:
        assert peaks == pytest.approx([float(out.max()) for out in outputs(net, x)])
    firsts = {}
    for name in ("stuck_silent", "stuck_firing"):
        held = outputs(faulty(net, name, 0.4, 3, peaks), x)[0]
        value = 0.0 if name == "stuck_silent" else peaks[0]
        firsts[name] = (held == value).flatten(0, 1).all(0)
        free = outputs(net, x)[0]
        assert torch.equal(held[:, :, ~firsts[name]], free[:, :, ~firsts[name]])
    assert firsts["stuck_firing"].float().mean() > 0.3


def test_as_many_neurons_are_stuck_as_asked_for_and_the_same_ones_of_a_twin(params: Params) -> None:
    silent = []
    for spiking in (False, True):
        x = sound(steps=3 if spiking else 1)
        net = network(params, spiking=spiking)
        for block in net.modules():
            if isinstance(block, Block):
                block.neuron = nn.Identity()  # nothing is 0 but what is stuck
        held = outputs(faulty(net, "stuck_silent", 0.4, 3, [1.0, 1.0]), x)[0]
        silent.append((held == 0).flatten(0, 1).all(0))
    assert torch.equal(*silent)
    assert silent[0].float().mean() == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize("level", [0.1, 0.6])
def test_spikes_are_lost_by_the_share_asked_for(level: float, params: Params) -> None:
    net, x = network(params, spiking=True), sound(steps=3)
    before, after = outputs(net, x)[0], outputs(faulty(net, "dropped_spikes", level, 1), x)[0]
    assert before.sum() > 300
    assert ((after == before) | (after == 0)).all()
    assert 1 - after.sum() / before.sum() == pytest.approx(level, abs=0.08)


def test_weight_noise_has_the_deviation_asked_for_in_each_layer(params: Params) -> None:
    net = network(params, spiking=True)
    changed = synapses(faulty(net, "weight_noise", 0.2, 1))
    for name, weight in synapses(net).items():
        added = (changed[name] - weight).detach()
        share = float(added.std() / weight.detach().std())
        assert share == pytest.approx(0.2, rel=4 / np.sqrt(2 * weight.numel())), name
    draws = [(changed[name] - weight).flatten()[:20] for name, weight in synapses(net).items()]
    assert abs(np.corrcoef(draws[0].detach(), draws[1].detach())[0, 1]) < 0.9, "each layer its own"
    twice = synapses(faulty(net, "weight_noise", 0.4, 1))
    for name, weight in synapses(net).items():
        assert torch.allclose(twice[name] - weight, 2 * (changed[name] - weight), atol=1e-6)


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_are_rounded_to_bits(bits: int, params: Params) -> None:
    net = network(params, spiking=False)
    rounded = synapses(faulty(net, "weight_bits", float(bits), 1))
    assert rounded.keys() == synapses(net).keys() != set()
    for name, weight in rounded.items():
        assert torch.equal(weight, fake_quantise(synapses(net)[name], 4 if bits == 4 else 8))


def test_only_weight_faults_are_defined_for_networks_of_gates(params: Params) -> None:
    assert faults_of(made_network(spec(params, "ann-lstm"))) == WEIGHT_FAULTS
    assert faults_of(network(params, spiking=True)) == FAULTS


def test_a_spiking_network_is_scored_by_events_and_a_conventional_one_is_not(
    params: Params,
) -> None:
    assert isinstance(quick(network(params, spiking=True)), FrozenCNN)
    assert isinstance(quick(network(params, spiking=False)), CNN)
