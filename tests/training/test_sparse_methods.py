"""Methods that make networks sparse: the terms of their losses, and what they are equal to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn
from toy_clips import base_spec, job, long, recipe, toy

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import recorded
from spikesound.params import METHOD_PARAMS, Params, PenaltyParams, PruningParams
from spikesound.snn.quantisation.weights import fake_quantise, synapses
from spikesound.tasks.classification.distillation import distillation_loss, tempered
from spikesound.training.job import Job, Trained
from spikesound.training.methods import METHODS
from spikesound.training.methods.course import Course
from spikesound.training.methods.fine_tune import train_fine_tuned
from spikesound.training.methods.kmeans import drawn_patches
from spikesound.training.methods.presentations import presented_clips
from spikesound.training.methods.rate_penalty import hinge_penalty, ramp
from spikesound.training.methods.rewiring import Rewiring, density_of, kernels
from spikesound.training.scores import clip_scores

PRUNING = {"density": 0.25, "start": 0.0, "end": 0.5, "rewired": 0.3}
PENALTY = {"target": 0.02, "weight": 20.0, "depth": 1.0, "start": 0.0, "ramp": 0.2}


def trained(wanted: Job, folder: Path) -> Trained:
    torch.manual_seed(0)
    if wanted.method.starts_from:
        before = replace(wanted, resume=folder / "base.pt", spec=base_spec(wanted))
        wanted = replace(wanted, base=METHODS["backprop"](before).network)
    kind = next(name for name, each in METHOD_PARAMS.items() if type(wanted.method) is each)
    return METHODS[kind](wanted)


def rates(network: nn.Module, wanted: Job) -> list[float]:
    with recorded(network) as spikes:
        clip_scores(network, wanted.validation, 16)
    return [float((layer != 0).float().mean()) for layer in spikes]


def test_the_hinge_asks_for_nothing_below_the_target() -> None:
    layers = [torch.tensor([1.0, 0, 0, 0]), torch.tensor([1.0, 1, 1, 0]), torch.zeros(4)]
    assert hinge_penalty(layers, 0.25, 0.0).item() == pytest.approx((0 + 0.5 + 0) / 3)
    # Weights 1/3, 2/3, 1 over their mean, 2/3.
    assert hinge_penalty(layers, 0.0, 1.0).item() == pytest.approx((0.25 * 0.5 + 0.75) / 3)
    assert hinge_penalty(layers, 0.9, 1.0).item() == 0


def test_the_penalty_grows_from_zero() -> None:
    params = PenaltyParams.model_validate(PENALTY | {"weight": 8.0, "start": 0.5, "ramp": 0.25})
    assert [ramp(params, share) for share in (0, 0.49, 0.5, 0.625, 0.75, 1)] == [0, 0, 0, 4, 8, 8]
    at_once = params.model_copy(update={"ramp": 0.0})
    assert [ramp(at_once, share) for share in (0.49, 0.5)] == [0, 8]


def test_a_resumed_course_is_where_it_was(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, training=recipe(params, epochs=4, batch_clips=8))
    course = Course(wanted)
    followed = course.followed(wanted)
    for _ in range(3):
        course.count_batch()
    assert course.share == 3 / 4 / 4
    course.count_batch()
    assert course.ends_epoch
    for number in (1, 2):
        followed.report({"epoch": number})
    assert course.starts_epoch
    assert course.share == 0.5


def test_density_and_exchange_follow_their_schedule(params: Params, tmp_path: Path) -> None:
    section = PruningParams.model_validate(PRUNING | {"start": 0.2, "end": 0.7})
    rewiring = Rewiring(section, Course(job(params, tmp_path)))
    assert rewiring.density(0.1) == rewiring.density(0.2) == 1
    assert rewiring.density(0.45) == pytest.approx(0.25 + 0.75 / 8)
    assert rewiring.density(0.7) == rewiring.density(1.0) == 0.25
    assert rewiring.exchanged(0.2) == rewiring.exchanged(0.7) == 0
    assert rewiring.exchanged(0.45) == pytest.approx(0.15)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regularised", "pruned"])
def test_pruning_leaves_the_density_and_rewires(
    kind: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[bool] = []
    whole = Rewiring._rewire

    def watched(self: Rewiring, weights: list[torch.Tensor]) -> None:
        before = [mask.clone() for mask in self.masks]
        whole(self, weights)
        came.append(
            any(bool((new & ~old).any()) for new, old in zip(self.masks, before, strict=True))
        )

    monkeypatch.setattr(Rewiring, "_rewire", watched)
    changes = {"penalty": None} if kind == "regularised" else {"epochs": 8, "activation_bits": 3}
    few = recipe(params, epochs=8, patience=8)
    wanted = job(params, tmp_path, kind=kind, training=few, pruning=PRUNING, **changes)
    wanted = with_channels(wanted, [4, 8, 8])
    found = trained(wanted, tmp_path)
    assert found.spec.network == "pruned_cnn"
    assert density_of(found.network) == pytest.approx(0.25, abs=0.02)
    assert found.result["density"] == pytest.approx(0.25, abs=0.02)
    assert any(came), "some kernels came back"
    first, *others = kernels(found.network)
    assert first.shape == (8, 4, 3, 3), "the first convolution is not among them"
    for weight in others:
        norms = weight.detach().abs().flatten(2).sum(2)
        assert 0 < int((norms > 0).sum()) < norms.numel()
    assert found.result["best_epoch"] == 8, "the last one is kept"


def with_channels(wanted: Job, channels: list[int]) -> Job:
    network = wanted.spec.network_params | {"channels": channels}
    return replace(wanted, spec=wanted.spec.model_copy(update={"network_params": network}))


def test_what_cannot_be_pruned_is_refused(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, kind="regularised", penalty=None, pruning=PRUNING)
    other = wanted.spec.model_copy(update={"network": "wta"})
    with pytest.raises(SpikesoundError, match="network 'wta' cannot be pruned; valid: cnn"):
        METHODS["regularised"](
            replace(wanted, spec=other.model_copy(update={"network_params": WTA, "neuron_params":
                    other.neuron_params | {"reset": "none"}}))
        )  # fmt: skip


WTA = {"neurons": 4, "frames": 2}


@pytest.mark.slow
def test_the_hinge_penalty_leaves_few_spikes(params: Params, tmp_path: Path) -> None:
    free = trained(long(params, tmp_path / "a", "regularised", penalty=None), tmp_path / "a")
    wanted = long(params, tmp_path / "b", "regularised", penalty=PENALTY)
    sparse = trained(wanted, tmp_path / "b")
    assert np.mean(rates(sparse.network, wanted)) < 0.6 * np.mean(rates(free.network, wanted))
    assert sparse.result["validation_accuracy"] > 0.8


def test_distillation_is_zero_at_the_teacher_and_its_own_divergence_elsewhere() -> None:
    scores, taught = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    for single in (True, False):
        soft = tempered(taught, 2.0, single=single)
        assert distillation_loss(taught, soft, 2.0, single=single).item() == pytest.approx(
            0, abs=1e-6
        )
    ours, theirs = (torch.softmax(each / 2, -1) for each in (scores, taught))
    expected = 4 * float((theirs * (theirs / ours).log()).sum())
    assert distillation_loss(scores, theirs, 2.0, single=True).item() == pytest.approx(expected)


def test_a_copy_starts_from_its_teacher(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, kind="distilled", epochs=1, learning_rate=1e-9, penalty=None)
    torch.manual_seed(1)
    teacher = build(wanted.spec)
    copied = METHODS["distilled"](replace(wanted, base=teacher))
    for name, weight in synapses(copied.network).items():
        rounded = fake_quantise(synapses(teacher)[name], 8)  # type: ignore[arg-type]
        assert torch.allclose(weight, rounded, atol=1e-4), name
    with pytest.raises(SpikesoundError, match="distillation starts from a trained model"):
        METHODS["distilled"](wanted)
    with pytest.raises(SpikesoundError, match="the model to start from is another network"):
        METHODS["distilled"](replace(wanted, base=nn.Linear(2, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("coded", [True, False])
def test_spikes_one_by_one_give_the_scores_of_their_numbers(
    coded: bool, params: Params, tmp_path: Path
) -> None:
    wanted = job(params, tmp_path, kind="integer", training=recipe(params, epochs=2), levels=3)
    if not coded:
        direct = {"encoding": "direct", "encoding_params": {"steps": 3}}
        clips = toy()
        wanted = replace(
            wanted, spec=wanted.spec.model_copy(update=direct),
            training=clips.select(np.arange(32)), validation=clips.select(np.arange(32, 48)),
            step_values=(1.0,),
        )  # fmt: skip
    torch.manual_seed(0)
    counts: list[np.ndarray] = []
    figures: list[float] = []

    def report(epoch: dict[str, float]) -> None:
        figures.append(epoch["validation_loss"])

    found = METHODS["integer"](replace(wanted, report=report))
    clips = presented_clips(wanted.validation, found.spec)
    assert found.spec.steps == 9
    assert clips.inputs.shape[1] == (9 if coded else 1)
    assert found.result["validation_loss"] == pytest.approx(min(figures), abs=0.02)
    with recorded(found.network) as spikes:
        counts.append(clip_scores(found.network, clips, 16))
    for layer in spikes:
        assert layer.shape[0] == 9
        assert set(layer.unique().tolist()) <= {0.0, 1.0}
    assert 0 < float(spikes[0].mean()) < 1


def test_integer_training_reads_rates(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, kind="integer", readout="membrane_sum")
    with pytest.raises(SpikesoundError, match="expected readout 'rate', got 'membrane_sum'"):
        METHODS["integer"](wanted)


@pytest.mark.slow
def test_times_of_single_spikes_are_the_activations_of_the_rounded_twin(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounded: list[Trained] = []

    def kept(tuned: Job) -> Trained:
        rounded.append(train_fine_tuned(tuned))
        return rounded[0]

    monkeypatch.setattr("spikesound.training.methods.single_spike.train_fine_tuned", kept)
    wanted = job(params, tmp_path, kind="single_spike", bits=3, epochs=4, sparsity=0.0)
    found = trained(wanted, tmp_path)
    twin = rounded[0].network
    assert (found.spec.steps, found.spec.network) == (7, "single_spike_cnn")
    clips = wanted.validation
    with recorded(found.network) as spikes, recorded(twin) as activations:
        ours, theirs = clip_scores(found.network, clips, 16), clip_scores(twin, clips, 16)
    for sent, values in zip(spikes, activations, strict=True):
        assert sent.shape[0] == 7
        assert float(sent.sum(0).max()) == 1, "at most one spike a neuron"
        assert float((sent.sum(0) != (values[0] > 0)).float().mean()) < 0.01
    assert np.allclose(ours, theirs, atol=0.02 * theirs.std() + 1e-3)
    assert theirs.std() > 0.1
    assert found.result["source_accuracy"] == rounded[0].result["validation_accuracy"]


def test_single_spikes_need_direct_coding(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, kind="single_spike")
    coded = wanted.spec.model_copy(
        update={"encoding": "rate", "encoding_params": {"steps": 3, "gain": 1.0}}
    )
    with pytest.raises(SpikesoundError, match="single spikes need encoding 'direct', got 'rate'"):
        METHODS["single_spike"](replace(wanted, spec=coded, base=build(base_spec(wanted))))


@pytest.mark.slow
def test_the_penalty_on_changes_leaves_fewer_of_them(params: Params, tmp_path: Path) -> None:
    def changed(folder: Path, weight: float) -> float:
        wanted = long(params, folder, "sigma_delta", changes=weight, epochs=15)
        found = trained(wanted, folder)
        blocks = cast(nn.ModuleList, found.network.blocks)
        sent: list[float] = []
        hooks = [
            block.register_forward_hook(
                lambda m, i, out: sent.append(float((out != 0).float().mean()))
            )
            for block in blocks
        ]
        clip_scores(found.network, wanted.validation, 16)
        assert len(hooks) == len(sent)
        return float(np.mean(sent))

    assert changed(tmp_path / "a", 10.0) < 0.95 * changed(tmp_path / "b", 0.0)


def test_patches_come_from_the_clips() -> None:
    clips = toy(8)
    patches = drawn_patches(clips, 3, 50, seed=1)
    assert patches.shape == (50, 3, 16)
    windows = np.lib.stride_tricks.sliding_window_view(clips.inputs[:, 0].astype(np.float32), 3, 1)
    known = {each.T.tobytes() for clip in windows for each in np.ascontiguousarray(clip)}
    assert all(np.ascontiguousarray(patch).tobytes() in known for patch in patches)
    with pytest.raises(SpikesoundError, match="expected clips of at least 13 frames"):
        drawn_patches(clips, 13, 5, seed=1)


@pytest.mark.slow
def test_centroids_are_those_of_groups(params: Params, tmp_path: Path) -> None:
    found = METHODS["kmeans"](
        job(params, tmp_path, kind="kmeans", neurons=2, frames=12, patches=400)
    )
    weight = found.network.patches.weight.detach()  # type: ignore[union-attr]
    halves = weight.mean(1).view(2, 2, 8).mean(2)
    assert (halves.argmax(1).sort().values == torch.tensor([0, 1])).all(), "a half is loud in each"
    assert found.result["validation_accuracy"] == 1.0
