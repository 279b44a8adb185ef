"""Fine-tuning from a pretrained network: read-out, mixing, and spikes that count the same."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from network_specs import spec, spiking
from torch import nn
from toy_clips import NO_AUGMENT, base_spec, job, long, recipe, toy

from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.layers import hidden, layers_of
from spikesound.models.pretrained import PRETRAINED
from spikesound.models.pretrained.yamnet import PARAMS
from spikesound.params import Params, PenaltyParams, TunedIntegerParams
from spikesound.snn.quantisation.counts import Counts
from spikesound.snn.quantisation.weights import fake_quantise
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job
from spikesound.training.loop import train, validate
from spikesound.training.methods import METHODS, tuned_integer
from spikesound.training.methods.linear_head import PENALTIES, Scale, fit_head, readout_of
from spikesound.training.methods.tuned import Tuning, cropped, mixed
from spikesound.training.methods.tuned_integer import (
    as_spikes,
    counting,
    distance,
    quantise,
    quantised_weights,
    spiking_spec,
)

SMALL = PARAMS.model_copy(
    update={
        "channels": [6, 8, 8, 12],
        "strides": [2, 1, 2, 1],
        "patch": 12,
        "low": 0.0,
        "span": 1.0,
    }
)


def of_yamnet(wanted: Job) -> Job:
    """The job on a small network of YAMNet's kinds of layers."""
    spec = wanted.spec.model_copy(
        update={"network": "yamnet", "network_params": SMALL.model_dump()}
    )
    return replace(wanted, spec=spec)


def textures() -> Dataset:
    """Clips of stripes along either axis: the mean over places tells them apart."""
    clips = toy()
    generator = np.random.default_rng(1)
    x = generator.uniform(0, 0.4, clips.inputs.shape)
    x[0::2, :, ::3] += 0.6
    x[1::2, :, :, ::3] += 0.6
    return replace(clips, inputs=x.astype(np.float16))


def lively(network: nn.Module) -> nn.Module:
    """The network with weights by which activations neither vanish nor grow from layer to layer."""
    torch.manual_seed(3)
    for layer in layers_of(network):
        if isinstance(layer.synapses, nn.Conv2d):
            nn.init.kaiming_normal_(layer.synapses.weight)
            nn.init.normal_(layer.synapses.bias, 0, 0.1)  # type: ignore[arg-type]
    return network


def wanted_of(params: Params, folder: Path, **changes: Any) -> Job:
    """A job on textures from an untrained network, whose layers are lively enough to learn."""
    given = {"mixup_span": 2.0} | changes
    wanted = of_yamnet(job(params, folder, kind="tuned_integer", clips=textures(), **given))
    return replace(wanted, base=lively(build(base_spec(wanted))))


def counting_network(levels: int, wanted: Job) -> nn.Module:
    network = counting(lively(build(base_spec(wanted))), levels, "toy").eval()
    tuned_integer.calibrate(network, wanted)
    return network


@pytest.fixture
def exact() -> Iterator[None]:
    """Networks are built in double precision, in which no sum lies within rounding of a step."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
def test_spikes_give_the_same_scores_as_numbers_of_spikes(
    levels: int, params: Params, tmp_path: Path, exact: None
) -> None:
    """Layer for layer, neuron for neuron: as many spikes as whole steps, and the same scores."""
    wanted = wanted_of(params, tmp_path, levels=levels)
    network = counting_network(levels, wanted)
    spiking = as_spikes(network, spiking_spec(wanted.spec, levels))
    numbers: list[torch.Tensor] = []
    spikes: list[torch.Tensor] = []
    for layer in hidden(network):
        assert isinstance(layer.neuron, Counts)
        step = layer.neuron.step.view(-1, 1, 1)
        layer.neuron.register_forward_hook(lambda m, i, o, step=step: numbers.append(o[0] / step))
    for layer in hidden(spiking):
        assert layer.neuron is not None
        layer.neuron.register_forward_hook(lambda m, i, o: spikes.append(o))
    x = torch.from_numpy(wanted.training.batch(np.arange(8))).double().transpose(0, 1)
    with torch.inference_mode():
        counted, binary = network(x), spiking(x)
    assert len(spikes) == len(numbers) == 7
    for number, spike in zip(numbers, spikes, strict=True):
        assert spike.shape[0] == levels
        assert set(spike.unique().tolist()) <= {0.0, 1.0}
        assert torch.equal(spike.sum(0), number.round())
    assert max(number.max() for number in numbers).round() == levels
    assert torch.allclose(counted, binary, rtol=0, atol=1e-9)
    assert counted.std() > 1e-4


def test_a_changed_step_would_be_seen(params: Params, tmp_path: Path) -> None:
    """The test above fails where a layer's weights are scaled by another step than trained."""
    wanted = wanted_of(params, tmp_path, levels=4)
    network = counting_network(4, wanted)
    spiking = as_spikes(network, spiking_spec(wanted.spec, 4))
    with torch.no_grad():
        layer = hidden(network)[2].neuron
        assert isinstance(layer, Counts)
        layer.scaled_log_step.add_(0.05)
        x = torch.from_numpy(wanted.training.batch(np.arange(8))).transpose(0, 1)
        assert not torch.allclose(network(x), spiking(x), atol=1e-3)


def test_weights_are_whole_numbers_of_a_scale_by_output_channel(
    params: Params, tmp_path: Path
) -> None:
    wanted = wanted_of(params, tmp_path, levels=4)
    network = counting_network(4, wanted)
    rounded = quantised_weights(network, 8)
    quantise(network, 8)
    assert len(rounded) == 8
    spiking = as_spikes(network, spiking_spec(wanted.spec, 4))
    for name, weight in spiking.state_dict().items():
        if name.endswith("weight"):
            assert torch.allclose(weight, fake_quantise(weight, 8), rtol=1e-5, atol=1e-6), name
    assert quantised_weights(network, None) == {}


def test_the_whole_training_keeps_what_it_validates(params: Params, tmp_path: Path) -> None:
    penalty = {"target": 0.05, "weight": 1.0, "depth": 0.0, "start": 0.0, "ramp": 0.5}
    wanted = wanted_of(params, tmp_path, levels=4, penalty=PenaltyParams(**penalty))
    few = recipe(params, epochs=12, patience=12, augment=NO_AUGMENT.model_dump())
    found = METHODS["tuned_integer"](replace(wanted, recipe=few))
    assert found.result["validation_accuracy"] > 0.8
    assert found.spec.steps == found.spec.encoding_params["steps"] == 4  # type: ignore[index]
    again = validate(found.network, replace(wanted, spec=found.spec))
    assert found.result["validation_loss"] == pytest.approx(again["validation_loss"], abs=1e-6)
    file.save(tmp_path / file.WEIGHTS, found.spec, found.network)
    assert file.load(tmp_path)[0] == found.spec


def test_the_readout_has_a_learning_rate_of_its_own(params: Params, tmp_path: Path) -> None:
    wanted = wanted_of(params, tmp_path, head_rate=7.0)
    network = counting_network(4, wanted)
    others, head = Tuning(wanted).groups(network, 0.01)
    assert (others["lr"], head["lr"]) == (0.01, pytest.approx(0.07))
    assert {id(each) for each in head["params"]} == {
        id(each) for each in readout_of(network, "toy").parameters()
    }
    assert len(others["params"]) + 2 == len(list(network.parameters()))
    still = replace(wanted, method=wanted.method.model_copy(update={"head_rate": 1e-9}))
    few = recipe(params, epochs=2, patience=2, augment=NO_AUGMENT.model_dump(), weight_decay=0.0)
    found = train(copy.deepcopy(network), replace(still, recipe=few), Tuning(still)).network
    assert torch.allclose(found.readout.weight, network.readout.weight, atol=1e-7)  # type: ignore[operator, arg-type]
    first = [layers_of(each)[0].synapses.weight for each in (found, network)]  # type: ignore[union-attr]
    assert not torch.allclose(*first, atol=1e-4)  # type: ignore[arg-type]


def test_a_penalty_makes_spikes_fewer(params: Params, tmp_path: Path) -> None:
    few = recipe(params, epochs=12, patience=12, augment=NO_AUGMENT.model_dump())
    penalty = {"target": 0.0, "weight": 20.0, "depth": 0.0, "start": 0.0, "ramp": 0.0}
    rates = []
    for each in (None, PenaltyParams(**penalty)):
        wanted = wanted_of(params, tmp_path / str(len(rates)), levels=4, penalty=each)
        (tmp_path / str(len(rates))).mkdir()
        network = METHODS["tuned_integer"](replace(wanted, recipe=few)).network
        spikes: list[float] = []
        for layer in hidden(network):
            assert layer.neuron is not None
            layer.neuron.register_forward_hook(lambda m, i, o, s=spikes: s.append(o.mean().item()))
        with torch.inference_mode():
            network(torch.from_numpy(wanted.training.batch(np.arange(8))).transpose(0, 1))
        rates.append(sum(spikes))
    assert rates[1] < 0.8 * rates[0]


def test_other_layers_than_convolutions_are_named(params: Params, tmp_path: Path) -> None:
    lstm = build(spec(params, "lstm"))
    assert counting(lstm, 4, "toy") is not lstm, "gates are no neurons that count"
    srnn = build(spiking(params, "srnn"))
    with pytest.raises(SpikesoundError, match="expected a convolution"):
        counting(srnn, 4, "toy")


def test_steps_have_the_gradients_of_their_equation() -> None:
    neuron = Counts(4, 2)
    with torch.no_grad():
        neuron.scaled_log_step.copy_(torch.tensor([0.5, 2.0]).log() / 5)
    x = torch.tensor([[-0.3, 0.6, 3.0], [1.5, 7.9, 9.0]])[None, None, :, :, None]
    x = x.requires_grad_()
    found = neuron(x)
    assert found.flatten().tolist() == pytest.approx([0, 0.5, 2.0, 2.0, 8.0, 8.0])
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0, 1, 0, 1, 1, 0]
    steps = neuron.step.detach()
    expected = torch.tensor([0 + (1 - 1.2) + 4, (1 - 0.75) + (4 - 3.95) + 4]) * steps * 5
    assert torch.allclose(neuron.scaled_log_step.grad, expected, atol=1e-5)  # type: ignore[arg-type]


def test_calibration_has_the_least_error_of_the_steps_it_tries() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3, 2, 20, 10) * torch.tensor([1.0, 5.0])[:, None, None]
    neuron = Counts(4, 2)
    neuron.calibrate(x)
    plain = x.clamp(min=0)

    def error(factor: float) -> torch.Tensor:
        other = Counts(4, 2)
        with torch.no_grad():
            other.scaled_log_step.copy_((neuron.step * factor).log() / 5)
            return (other(x) - plain).square().sum((0, 1, 3, 4))

    best = error(1.0)
    for factor in (0.5, 0.8, 1.25, 2.0):
        assert (error(factor) > best).all()
    neuron.calibrate(torch.cat([x[:, :, :1], -x[:, :, 1:].abs()], 2))
    assert neuron.step[1] == neuron.step[0], "a channel that is never active"


def test_parts_of_clips_are_whole_and_move() -> None:
    x = torch.arange(40.0).view(1, 2, 20, 1)
    torch.manual_seed(0)
    drawn = torch.stack([cropped(x, 5) for _ in range(30)])
    assert drawn.shape == (30, 1, 2, 5, 1)
    assert torch.equal(drawn.diff(dim=3), torch.ones(30, 1, 2, 4, 1))
    starts = drawn[:, 0, :, 0, 0]
    assert set(starts[:, 0].tolist()) <= set(range(16))
    assert len(set(starts[:, 0].tolist())) > 5
    assert (starts[:, 1] - 20 != starts[:, 0]).any(), "each clip from its own place"
    assert cropped(x, 20) is x


def test_sounds_are_mixed_by_their_magnitudes() -> None:
    span, share = 13.0, torch.tensor(0.25)
    x, y = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.3, 0.5, 0.2])
    expected = [
        math.log(0.25 * math.exp(span * a) + 0.75 * math.exp(span * b)) / span
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    assert mixed(x, y, share, span).tolist() == pytest.approx(expected, abs=1e-6)
    assert mixed(x, y, share, None).tolist() == pytest.approx([0.25, 0.5, 0.375])
    whole = mixed(x, y, torch.tensor(1.0), span)
    assert torch.allclose(whole, x, atol=1e-4), "a share of nothing"


def test_targets_are_mixed_as_the_clips_are(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, kind="tuned", mixup=1.0, mixup_span=None, crop_frames=None)
    x = torch.stack([torch.full((4, 3), float(i)) for i in range(4)])[None]
    torch.manual_seed(1)
    found, (targets,) = Tuning(wanted).drawn(x, (torch.eye(4),))
    values = (targets * torch.arange(4.0)).sum(1)
    assert torch.allclose(found[0, :, 0, 0], values, atol=1e-6)
    assert (targets.max(1).values < 0.999).any()


def test_distance_is_zero_of_the_same_and_counts_direction_and_length() -> None:
    x = torch.tensor([[3.0, 4.0]])
    assert distance(x, x).item() == pytest.approx(0, abs=1e-6)
    assert distance(2 * x, x).item() == pytest.approx(1.0, abs=1e-6)
    assert distance(torch.tensor([[4.0, -3.0]]), x).item() == pytest.approx(1 + 2, abs=1e-6)


def test_only_the_readout_is_fitted(params: Params, tmp_path: Path) -> None:
    wanted = long(params, tmp_path, "linear_head")
    network = build(wanted.spec)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = fit_head(network, wanted)
    changed = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"readout.weight", "readout.bias"}
    assert len(found.history) == len(PENALTIES)
    assert found.result["validation_loss"] == min(e["validation_loss"] for e in found.history)


def test_a_penalty_is_chosen_without_clips_that_are_trained_on(
    params: Params, tmp_path: Path
) -> None:
    """Where the training clips have the validation clips among them, and then fitted to all."""
    wanted = long(params, tmp_path, "linear_head")
    everything = toy().without("1")
    rows = [row for row, clip in enumerate(everything.ids) if clip not in wanted.validation.ids]
    apart = replace(wanted, training=everything.select(np.array(rows)))
    network = build(wanted.spec)
    alone = fit_head(copy.deepcopy(network), apart)
    found = fit_head(copy.deepcopy(network), replace(wanted, training=everything))
    assert len(rows) < len(everything)
    assert [e["validation_loss"] for e in found.history] == pytest.approx(
        [e["validation_loss"] for e in alone.history], rel=1e-3
    )
    weights = [readout_of(each.network, "toy").weight for each in (alone, found)]
    assert not torch.allclose(*weights, atol=1e-3)


def test_a_readout_of_few_bits_is_not_lost_to_an_input_that_hardly_varies() -> None:
    """By its own deviation, a hundredth of the others', it would have the largest weight by far."""
    torch.manual_seed(0)
    seen = torch.rand(50, 4) * torch.tensor([1.0, 1.0, 1.0, 1e-4])
    scale, readout, linear = Scale.of(seen), nn.Linear(4, 2), nn.Linear(4, 2)
    scale.put_into(readout, linear)
    assert torch.allclose(readout(seen), linear(scale(seen)), atol=1e-4)
    kept = fake_quantise(readout.weight, 8)[:, :3]
    torch.testing.assert_close(kept, readout.weight[:, :3], rtol=0.2, atol=0.05)
    own = linear.weight / seen.std(0)
    assert (fake_quantise(own, 8)[:, :3] == 0).all(), "the fault"
    assert Scale.of(torch.zeros(5, 2)).deviation.min() > 0


@pytest.mark.parametrize(("label_weight", "learnt"), [(0.0, False), (1.0, True)])
def test_labels_teach_the_layers_where_they_have_a_weight(
    label_weight: float, learnt: bool, params: Params, tmp_path: Path
) -> None:
    found = []
    for turn in range(2):  # with the classes the other way round
        clips = textures()
        clips = replace(clips, present=np.roll(clips.present, turn, 1))
        (folder := tmp_path / str(turn)).mkdir()
        wanted = wanted_of(params, folder, levels=4, label_weight=label_weight)
        known = replace(wanted, training=clips.select(np.arange(20)))
        few = recipe(params, epochs=2, patience=2, augment=NO_AUGMENT.model_dump())
        network = METHODS["tuned_integer"](replace(known, recipe=few)).network
        synapses = layers_of(network)[0].synapses
        assert isinstance(synapses, nn.Conv2d)
        found.append(synapses.weight)
    assert torch.equal(*found) != learnt


def test_a_teacher_of_labels_is_taken_where_labels_are(params: Params, tmp_path: Path) -> None:
    for label_weight in (0.0, 0.5):
        method = job(params, tmp_path, kind="tuned_integer", label_weight=label_weight).method
        assert method.takes_teacher == (label_weight > 0)


def test_something_must_be_learnt(params: Params, tmp_path: Path) -> None:
    section = job(params, tmp_path, kind="tuned_integer").method.model_dump()
    with pytest.raises(ValueError, match="both 0: nothing would be learnt"):
        TunedIntegerParams.model_validate(section | {"distillation": 0.0, "label_weight": 0.0})


def test_zero_shot_reads_the_outputs_of_a_classs_labels(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ["/m/x", "/m/2", "/m/1", "/m/y"]
    labels = {"/m/1": ["/m/1", "/m/y"]}
    wanted = of_yamnet(job(params, tmp_path, kind="zero_shot", labels=labels))
    spec = wanted.spec.model_copy(update={"classes": known, "names": known, "labels": "multiple"})
    torch.manual_seed(0)
    base = build(spec).eval()
    folder = tmp_path / "known"
    file.save(folder / file.WEIGHTS, spec, base)
    monkeypatch.setattr(
        "spikesound.training.methods.zero_shot.model_file", lambda name: folder / file.WEIGHTS
    )
    found = METHODS["zero_shot"](replace(wanted, base=base))
    x = torch.from_numpy(toy().batch(np.arange(4))).transpose(0, 1)
    with torch.inference_mode():
        theirs, ours = base(x), found.network(x)
    assert torch.allclose(ours[:, 0], theirs[:, 2:].amax(1))
    assert torch.allclose(ours[:, 1], theirs[:, 1])
    assert "yamnet" in PRETRAINED
    other = of_yamnet(job(params, tmp_path, kind="zero_shot", labels={"/m/2": ["/m/z"]}))
    with pytest.raises(SpikesoundError, match="unknown class of yamnet '/m/z'"):
        METHODS["zero_shot"](replace(other, base=base))
