"""Proxy training: one error, the other's gradient, and each detail of the paper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from toy_clips import CNN as SMALL
from toy_clips import NO_AUGMENT, job, recipe, toy

from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.networks.cnn import CNN
from spikesound.params import IFParams, Params
from spikesound.snn.neurons.hard_reset_if import HardResetIF
from spikesound.tasks.classification.objective import MultipleLabels
from spikesound.tasks.classification.squared_error import SquaredError
from spikesound.training.job import Epoch, Job
from spikesound.training.methods import METHODS
from spikesound.training.methods.proxy import Pair, Proxy, freeze_norms
from spikesound.training.scores import clip_scores

PAPER = {
    "reset": "zero", "initial": 0.0, "readout": "spike_count", "loss": "squared_error",
    "activation": "relu", "frozen_after": 1,
}  # fmt: skip
TARGETS = (torch.eye(2)[[0, 1, 0, 1]],)


def spikes() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(3, 4, 12, 16, generator=generator) < 0.6).float()


def pair_of(wanted: Job, *, readout: str = "rate", **network: Any) -> Pair:
    spec = wanted.spec.model_copy(update={"network_params": SMALL | network, "readout": readout})
    twin = build(spec.with_neuron("relu", {}, steps=1, readout="rate"))
    return Pair(build(spec), twin)


def parts(pair: Pair) -> tuple[CNN, CNN]:
    assert isinstance(pair.spiking, CNN)
    assert isinstance(pair.twin, CNN)
    return pair.spiking, pair.twin


@pytest.mark.parametrize("readout", ["rate", "spike_count"])
def test_both_networks_drop_the_same_units(readout: str, params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, kind="proxy")
    pair = pair_of(wanted, readout=readout, dropout=0.5)
    dropped: list[torch.Tensor] = []
    for each in parts(pair):
        each.dropout.register_forward_hook(
            lambda module, inputs, out: dropped.append(((out == 0) & (inputs[0] != 0)).flatten())
        )
    for module in pair.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.bias.data.fill_(3.0)  # all units are active, so that a zero was dropped
    proxy = Proxy(wanted, torch.full((3,), 1 / 3))
    proxy.backward(pair, spikes(), TARGETS, wanted.fabric.backward)
    assert len(dropped) == 2
    assert torch.equal(*dropped)
    assert dropped[0].any()


def test_a_pair_has_one_set_of_weights(params: Params, tmp_path: Path) -> None:
    """A step of the optimiser moves both; batch norms have their own figures of each."""
    pair = pair_of(job(params, tmp_path, kind="proxy"), dropout=0.0)
    one, other = (dict(each.named_parameters()) for each in (pair.spiking, pair.twin))
    assert all(one[name] is other[name] for name in other)
    assert len(list(pair.parameters())) == len(one)
    assert all(".neuron." in name for name in one.keys() - other.keys()), "neurons are its own"
    assert "spiking.blocks.0.norm.running_mean" in pair.state_dict()
    assert "twin.blocks.0.norm.running_mean" in pair.state_dict()


def test_the_error_is_the_spiking_networks_and_the_gradient_its_twins(
    params: Params, tmp_path: Path
) -> None:
    """Of counts n and currents z, mean squared error: the gradient of (n - y) z / (B C / 2)."""
    wanted = replace(job(params, tmp_path, kind="proxy"), task=SquaredError())
    pair = pair_of(wanted, readout="spike_count", dropout=0.0)
    x = spikes()
    proxy = Proxy(wanted, torch.full((3,), 1 / 3))
    loss = proxy.backward(pair, x, TARGETS, wanted.fabric.backward)
    weight = parts(pair)[0].readout.weight
    assert weight.grad is not None
    found, weight.grad = weight.grad.clone(), None
    counts, currents = pair.spiking(x).detach(), pair.twin(x.mean(0, keepdim=True))
    assert set(counts.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}, "of three steps"
    assert loss == pytest.approx(float(((counts - TARGETS[0]) ** 2).mean()), rel=1e-5)
    ((counts - TARGETS[0]) * currents).sum().mul(2 / counts.numel()).backward()
    assert torch.allclose(found, weight.grad, atol=1e-6)
    assert found.abs().max() > 0


def test_squared_error_by_hand() -> None:
    counts = torch.tensor([[2.0, 1.0], [0.0, 0.0]])
    targets = (torch.tensor([[1.0, 0.0], [0.0, 1.0]]),)
    assert SquaredError().loss(counts, targets).item() == pytest.approx((1 + 1 + 0 + 1) / 4)
    figures = SquaredError().validation([counts], [targets])
    assert figures == {"validation_loss": 0.75, "validation_accuracy": 0.5}


def test_frozen_norms_keep_mean_and_variance_and_learn_their_scale() -> None:
    norm = nn.BatchNorm2d(2)
    x = torch.randn(8, 2, 3, 3) * 2 + 1
    for _ in range(2):
        freeze_norms(norm, 2)
        norm(x)
    before = norm.state_dict()["running_mean"].clone()
    freeze_norms(norm, 2)
    norm(x + 5).square().sum().backward()
    assert torch.equal(norm.running_mean, before)  # type: ignore[arg-type]
    assert norm.weight.grad is not None
    assert not norm.training
    assert norm.train().training, "until the next epoch, whose batches freeze it again"


def figures_of(wanted: Job, *, stop_after: int | None = None) -> tuple[list[Epoch], nn.Module]:
    """Train, killed after an epoch and resumed where that is asked for."""
    torch.manual_seed(0)
    if stop_after is not None:

        def stop(epoch: Epoch) -> None:
            if epoch["epoch"] == stop_after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            METHODS["proxy"](replace(wanted, report=stop))
        torch.manual_seed(7)  # another process starts from other weights
    trained = METHODS["proxy"](wanted)
    wanted.resume.unlink()
    return [{**epoch, "seconds": 0.0} for epoch in trained.history], trained.network


def test_norms_are_frozen_after_the_first_epoch_and_a_resumed_run_knows(
    params: Params, tmp_path: Path
) -> None:
    last = recipe(params, keep="last")
    wanted = job(params, tmp_path, kind="proxy", training=last, **PAPER)
    seen = []
    tracked = "blocks.0.norm.num_batches_tracked"
    for changes, stop in (({}, None), ({}, 2), ({"frozen_after": None}, None)):
        own = replace(wanted, method=wanted.method.model_copy(update=changes))
        history, network = figures_of(own, stop_after=stop)
        seen.append((history, {name: x.clone() for name, x in network.state_dict().items()}))
    whole, resumed, thawed = seen
    assert whole[0] == resumed[0]
    assert all(torch.equal(whole[1][name], resumed[1][name]) for name in whole[1])
    batches = 32 // wanted.recipe.batch_clips
    assert whole[1][tracked] == batches, "of one epoch"
    assert thawed[1][tracked] > batches
    assert whole[0] != thawed[0]


def test_a_hard_reset_loses_what_is_above_the_threshold() -> None:
    # U: 0.75, 1.5 (spike), 0.75, 1.5 (spike), 1.75 (spike), 0.25; from half a threshold: 1.25, ...
    currents = torch.tensor([0.75, 0.75, 0.75, 0.75, 1.75, 0.25]).reshape(-1, 1)
    rest = IFParams(threshold=1.0, initial=0.0, surrogate="atan", slope=2.0)
    neuron = HardResetIF(rest)  # type: ignore[arg-type]
    assert neuron(currents).flatten().tolist() == [0, 1, 0, 1, 1, 0]
    half = HardResetIF(rest.model_copy(update={"initial": 0.5}))  # type: ignore[arg-type]
    assert half(currents).flatten().tolist() == [1, 0, 1, 0, 1, 0]
    for each in (neuron, half):
        state = each.initial_state(currents[0])
        stepped = []
        for current in currents:
            spike, state = each.step(current, state)
            stepped.append(spike)
        assert torch.equal(torch.stack(stepped), each(currents))


def test_each_detail_of_the_paper_is_in_the_trained_network(params: Params, tmp_path: Path) -> None:
    trained = METHODS["proxy"](job(params, tmp_path, kind="proxy", **PAPER))
    assert trained.spec.neuron == "hard_reset_if"
    assert trained.spec.neuron_params["initial"] == 0.0
    assert trained.spec.readout == "spike_count"
    assert isinstance(trained.network, CNN)
    assert isinstance(trained.network.output.neuron, HardResetIF)  # type: ignore[union-attr]
    plain = METHODS["proxy"](job(params, tmp_path / "plain", kind="proxy"))
    assert plain.spec.neuron == "integrate_and_fire"
    assert plain.spec.neuron_params["initial"] == 0.5
    assert plain.spec.readout == "rate"


@pytest.mark.parametrize("activation", ["clipped", "relu"])
def test_the_twin_is_clipped_or_not(
    activation: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above 1 a clipped activation has no gradient: with large currents nothing reaches back."""
    found: list[torch.Tensor] = []

    def watch(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    wanted = replace(job(params, tmp_path, kind="proxy", activation=activation), report=watch)
    original = Proxy.loss

    def loss(self: Proxy, network: nn.Module, x: torch.Tensor, targets: Any) -> torch.Tensor:
        assert isinstance(network, Pair)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.data.fill_(9.0)
        value = original(self, network, x, targets)
        weight = parts(network)[0].blocks[0].convolution.weight
        found.append(torch.autograd.grad(value, weight, retain_graph=True)[0])
        return value

    monkeypatch.setattr(Proxy, "loss", loss)
    with pytest.raises(KeyboardInterrupt):
        METHODS["proxy"](wanted)
    assert bool(found[0].any()) == (activation == "relu")


def test_squared_error_takes_neither_several_labels_nor_a_teacher(
    params: Params, tmp_path: Path
) -> None:
    wanted = job(params, tmp_path, kind="proxy", **PAPER)
    with pytest.raises(SpikesoundError, match="squared_error takes single labels and no teacher"):
        METHODS["proxy"](replace(wanted, task=MultipleLabels()))
    taught = wanted.recipe.model_copy(update={"teacher": object()})
    with pytest.raises(SpikesoundError, match="squared_error takes single labels and no teacher"):
        METHODS["proxy"](replace(wanted, recipe=taught))


@pytest.mark.slow
def test_as_in_the_paper_it_learns_saves_and_loads(params: Params, tmp_path: Path) -> None:
    """With as many batches before the norms are frozen as their figures need."""
    torch.manual_seed(0)
    slow = recipe(
        params, epochs=40, patience=40, learning_rate=0.01, augment=NO_AUGMENT.model_dump()
    )
    details = PAPER | {"frozen_after": 10}
    wanted = job(params, tmp_path, kind="proxy", clips=toy(), training=slow, **details)
    direct = {"encoding": "direct", "encoding_params": {"steps": 15}, "steps": 15}
    trained = METHODS["proxy"](replace(wanted, spec=wanted.spec.model_copy(update=direct)))
    scores = clip_scores(trained.network, wanted.validation, 5)
    assert trained.result["validation_accuracy"] > 0.8
    assert set(scores.ravel().tolist()) <= set(range(16)), "counts of 15 steps"
    file.save(tmp_path / file.WEIGHTS, trained.spec, trained.network)
    _, again = file.load(tmp_path)
    assert (clip_scores(again, wanted.validation, 5) == scores).all()
