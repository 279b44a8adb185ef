"""Training on streamed clips: samples, batches, resumes, ranks, and the clips in memory beside."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from project import ROOT
from small_shards import FOLDS, NAMES, request, section, small, write_events, write_features
from toy_clips import NO_AUGMENT, recipe, toy

from spikesound.core.errors import SpikesoundError
from spikesound.params import AugmentParams, Params, RecipeParams, WarpParams
from spikesound.params.base import read_sections
from spikesound.params.experiments import changed
from spikesound.training import trainings
from spikesound.training.dataset import Dataset, load_features, load_spikes
from spikesound.training.job import Job, Trained
from spikesound.training.run import prepare, train_fold
from spikesound.training.scores import clip_scores
from spikesound.training.stream import loop
from spikesound.training.stream.augment import augment, prepared, warped
from spikesound.training.stream.clips import (
    StreamedClips,
    stream_features,
    stream_parts,
    stream_spikes,
)
from spikesound.training.stream.draws import Draws
from spikesound.training.stream.loader import batches
from spikesound.training.stream.methods import STREAM_METHODS
from spikesound.training.stream.order import EpochOrder

WARP = WarpParams(frames=0.2, bins=0.1, gain=0.1, tilt=0.1)
ALL = AugmentParams(
    roll=True, shift_bins=3, time_mask=0.2, bin_mask=0.2, noise=0.1, mixup=0.3, warp=WARP
)
CLASSES = list(NAMES)


def draws(count: int, epoch: int = 1) -> Draws:
    return Draws(1, epoch, np.arange(count, dtype=np.int64) * 31 + 7)


def values(count: int, *, spikes: bool = False) -> torch.Tensor:
    x = torch.rand(count, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    return (x < 0.4).float() if spikes else x


def digest(x: torch.Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("spikes", [False, True])
def test_a_clip_is_augmented_alike_in_any_batch(spikes: bool) -> None:
    x, every = values(64, spikes=spikes), draws(64)
    whole = augment(x, ALL, every, spikes=spikes, neurons_per_bin=2)
    assert whole.shape == x.shape
    assert ((whole >= 0) & (whole <= 1)).all()
    if spikes:
        assert set(whole.unique().tolist()) == {0.0, 1.0}
    assert len({digest(each) for each in whole}) == 64
    for size in (1, 7, 16):
        for start in range(0, 64 - size, size):
            rows = slice(start, start + size)
            part = Draws(1, 1, np.arange(64, dtype=np.int64)[rows] * 31 + 7)
            alone = augment(x[rows], ALL, part, spikes=spikes, neurons_per_bin=2)
            assert digest(alone) == digest(whole[rows])


def test_no_augmentation_changes_nothing() -> None:
    x = values(5)
    assert torch.equal(augment(x, NO_AUGMENT, draws(5), spikes=False), x)


def test_roll_is_circular_and_shift_is_not() -> None:
    x = values(40)
    rolled = augment(x, NO_AUGMENT.model_copy(update={"roll": True}), draws(40), spikes=False)
    shifts = [
        next(k for k in range(9) if torch.equal(torch.roll(before, k, 1), after))
        for before, after in zip(x, rolled, strict=True)
    ]
    assert set(shifts) == set(range(9))
    ones = torch.ones(200, 1, 4, 3)
    changed = NO_AUGMENT.model_copy(update={"shift_bins": 2})
    moved = augment(ones, changed, draws(200), spikes=False)
    assert set(moved.flatten(1).sum(1).tolist()) == {12.0, 8.0, 4.0}, "by 0, 1 or 2 bins"
    narrow = NO_AUGMENT.model_copy(update={"shift_bins": 9})
    assert augment(ones, narrow, draws(200), spikes=False).flatten(1).sum(1).min() >= 4


def test_masks_are_spans_of_at_most_their_share() -> None:
    ones = torch.ones(300, 1, 20, 10)
    changed = NO_AUGMENT.model_copy(update={"time_mask": 0.25, "bin_mask": 0.3})
    masked = augment(ones, changed, draws(300), spikes=False)[:, 0]
    frames = (masked.amax(2) == 0).sum(1)
    bins = (masked.amax(1) == 0).sum(1)
    assert set(frames.tolist()) == set(range(6))
    assert set(bins.tolist()) == set(range(4))
    rows = (masked.amax(2) == 0).int()
    assert (rows.diff(dim=1).abs().sum(1) <= 2).all(), "one span"


def test_noise_has_the_strength_drawn_for_the_clip() -> None:
    half = torch.full((200, 1, 50, 20), 0.5)
    changed = NO_AUGMENT.model_copy(update={"noise": 0.05})
    noisy = augment(half, changed, draws(200), spikes=False) - 0.5
    deviations = noisy.flatten(1).std(1)
    wanted = 0.05 * draws(200).uniform(6)[:, 0]
    assert torch.allclose(deviations, wanted, rtol=0.1)
    assert noisy.mean().abs() < 1e-3
    flipped = augment(torch.zeros_like(half), changed, draws(200), spikes=True)
    assert torch.allclose(flipped.flatten(1).mean(1), wanted, atol=0.02)


def test_a_warp_stretches_axes_and_moves_levels() -> None:
    line = (torch.arange(20.0) / 40 + 0.1).expand(1, 1, 30, 20).clone()
    only = WarpParams(frames=0.0, bins=0.2, gain=0.0, tilt=0.0)
    out = warped(line, only, draws(1))[0, 0, 3]
    factor = 1 + 0.2 * (2 * draws(1).uniform(17)[0, 0] - 1)
    inside = torch.arange(20) * factor <= 19
    expected = torch.arange(20) * factor / 40 + 0.1
    assert torch.allclose(out[inside], expected[inside], atol=1e-5)
    level = WarpParams(frames=0.0, bins=0.0, gain=0.1, tilt=0.0)
    quiet = line.clone()
    quiet[..., :5] = 0
    moved = warped(quiet, level, draws(1))
    assert (moved[..., :5] == 0).all(), "silence stays silent"
    assert (moved - quiet)[..., 5:].std() < 1e-6
    assert (moved - quiet)[..., 5:].abs().max() <= 0.1
    same = WarpParams(frames=0.0, bins=0.0, gain=0.0, tilt=0.0)
    assert torch.equal(warped(line, same, draws(1)), line)


@pytest.fixture
def features(tmp_path: Path, params: Params) -> Path:
    return write_features(tmp_path / "features", params)


@pytest.mark.slow
def test_streamed_clips_are_those_in_memory(features: Path, params: Params, tmp_path: Path) -> None:
    request(params, small(params, "snn-cnn-surrogate"), tmp_path / "spiking")
    spikes = tmp_path / "spiking/spikes/fold-1"
    pairs = [
        (load_features(features, CLASSES, "1"), stream_features(features, CLASSES, "1")),
        (load_spikes(spikes, CLASSES)[0], stream_spikes(spikes, CLASSES)[0]),
    ]
    for held, streamed in pairs:
        rows = np.array([3, 40, 7])
        assert streamed.ids == held.ids
        assert streamed.folds == held.folds
        assert (streamed.spikes, streamed.bins) == (held.spikes, held.bins)
        assert streamed.neurons_per_bin == held.neurons_per_bin
        assert np.array_equal(streamed.batch(rows), held.batch(rows))
        assert np.array_equal(streamed.labels(rows)[0], held.labels(rows)[0])
        assert np.array_equal(streamed.present, held.present)
        for mine, other in (
            (streamed.only("2"), held.only("2")),
            (streamed.without("2"), held.without("2")),
        ):
            assert mine.ids == other.ids
        ranges = None
        if streamed.ranges is not None:
            low, scale = loop.inverse_ranges(streamed.ranges.low, streamed.ranges.high)
            ranges = low, scale
        on_device = prepared(torch.from_numpy(streamed.raw(rows)), streamed.bins, ranges)
        assert np.array_equal(on_device.numpy(), held.batch(rows))


def test_no_recording_is_on_both_sides_and_the_share_is_kept(
    params: Params, tmp_path: Path
) -> None:
    clips = replace(toy(2000), groups=[f"recording{row // 2}" for row in range(2000)])
    streamed = stream_features(write_features(tmp_path / "x", params, clips), CLASSES, "1")
    wanted = section(params, "classification", validation_share=0.25)
    training, validation = stream_parts(streamed, "1", wanted, 3)
    groups = [set(part.index.groups[part.chosen].tolist()) for part in (training, validation)]
    assert not groups[0] & groups[1]
    assert "1" not in training.folds + validation.folds
    assert len(training) + len(validation) == 1500
    assert len(validation) == pytest.approx(375, abs=60)
    assert stream_parts(streamed, "1", wanted, 3)[1].ids == validation.ids
    assert stream_parts(streamed, "1", wanted, 4)[1].ids != validation.ids
    previous = section(params, "classification", validation_fold="previous")
    training, validation = stream_parts(streamed, "1", previous, 3)
    assert set(validation.folds) == {"4"}
    assert set(training.folds) == {"2", "3"}
    with pytest.raises(SpikesoundError, match="unknown fold '9'"):
        stream_parts(streamed, "9", wanted, 3)


def samples(clips: StreamedClips, batch_clips: int, workers: int, ranks: int = 1) -> dict[int, str]:
    """Return the digest of each augmented sample of an epoch, by the clip's number."""
    found: dict[int, str] = {}
    low, scale = loop.inverse_ranges(clips.ranges.low, clips.ranges.high)  # type: ignore[union-attr]
    for rank in range(ranks):
        order = EpochOrder(len(clips), batch_clips, 5, 2, None, rank, ranks)
        for batch in batches(clips, order, blend=True, workers=workers):
            read, partners = batch.clips, batch.partners
            assert partners is not None
            both = []
            for each in (read, partners):
                x = prepared(each.x, clips.bins, (low, scale))
                both.append(augment(x, ALL, Draws(5, 2, each.numbers), spikes=False))
            weight = Draws(5, 2, read.numbers).beta(8, 0.3)
            for number, sample in zip(read.numbers, loop.blended(*both, weight), strict=True):
                assert int(number) not in found, "no clip comes twice in an epoch"
                found[int(number)] = digest(sample)
    return found


@pytest.mark.slow  # processes of a DataLoader
def test_workers_batches_and_ranks_change_no_sample(features: Path) -> None:
    clips = stream_features(features, CLASSES, "1")
    expected = samples(clips, 16, 0)
    assert len(expected) == len(clips)
    for batch_clips, workers, ranks in ((16, 1, 1), (16, 4, 1), (64, 0, 1), (64, 4, 2), (8, 0, 4)):
        assert samples(clips, batch_clips, workers, ranks) == expected


def streamed_job(features: Path, params: Params, folder: Path, **changes: Any) -> Job:
    """Return a job of streamed clips of a conventional network, 36 to train on."""
    values = {"dataset": "stream", "epochs": 3, "patience": 3, "augment": ALL.model_dump()}
    model = small(params, "ann-cnn", **(values | changes))
    job, _ = prepare(request(params, model, features.parent))
    return replace(job, resume=folder / "resume.pt")


def trained(job: Job, method: str = "backprop") -> Trained:
    torch.manual_seed(0)
    return STREAM_METHODS[method](job)


def of_method(job: Job, params: Params, method: str) -> Job:
    """Return the job of a conventional network as one of integer training, where that is asked."""
    if method == "backprop":
        return job
    spec = job.spec.with_neuron(
        "lif", params.neurons["lif"], steps=1, encoding="direct", encoding_params={"steps": 1}
    )
    update = {"levels": 3, "weight_bits": None}
    return replace(job, spec=spec, method=params.methods["integer"].model_copy(update=update))


def same(one: Trained, other: Trained) -> None:
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name]), name
    for mine, theirs in zip(one.history, other.history, strict=True):
        assert mine | {"seconds": 0} == theirs | {"seconds": 0}


class Killed(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("method", ["backprop", "integer"])
def test_a_training_killed_within_an_epoch_goes_on_to_the_same_end(
    features: Path, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    job = of_method(streamed_job(features, params, tmp_path, save_s=1e-9), params, method)
    whole = trained(job, method)
    step, done = loop._Run._step, 0

    def killing(run: Any, batch: Any, epoch: int) -> float:
        nonlocal done
        if done in (2, 7):  # within the first and the second epoch
            done += 1
            raise Killed
        done += 1
        return step(run, batch, epoch)

    again = replace(job, resume=tmp_path / "killed.pt")
    monkeypatch.setattr(loop._Run, "_step", killing)
    for _ in range(2):
        with pytest.raises(Killed):
            trained(again, method)
        assert again.resume.is_file()
    assert done == 8
    same(trained(again, method), whole)
    assert done == len(EpochOrder(len(job.training), 8, 0, 1)) * 3 + 2, "no batch was done twice"


@pytest.mark.slow  # processes of a DataLoader
def test_workers_change_no_weight(features: Path, params: Params, tmp_path: Path) -> None:
    one, other = (
        trained(streamed_job(features, params, tmp_path / str(workers), workers=workers))
        for workers in (0, 2)
    )
    same(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ann-cnn", "snn-cnn-surrogate"])
def test_streamed_clips_are_learnt(name: str, params: Params, tmp_path: Path) -> None:
    quiet = NO_AUGMENT.model_dump()
    model = small(params, name, epochs=12, dataset="stream", augment=quiet, patience=12)
    result = train_fold(request(params, model, tmp_path), lambda: None)
    assert result["validation_accuracy"] > 0.9
    memory = small(params, name, epochs=12, augment=quiet, patience=12)
    other = train_fold(request(params, memory, tmp_path, "memory"), lambda: None)
    assert other["validation_accuracy"] > 0.9
    assert len(list((tmp_path / "store").iterdir())) == 2, "two trainings, not one"


@pytest.mark.slow
def test_the_last_weights_are_kept_where_asked(
    features: Path, params: Params, tmp_path: Path
) -> None:
    job = streamed_job(features, params, tmp_path, keep="last", patience=1, learning_rate=0.05)
    found = trained(job)
    assert len(found.history) == 3
    assert found.result["best_epoch"] == 3


def test_balanced_clips_are_drawn_by_the_rarity_of_their_class(
    params: Params, tmp_path: Path
) -> None:
    clips = toy(40)
    rare = clips.select(np.array([0, *range(1, 40, 2)]))  # one of the first class, twenty others
    rare = replace(rare, folds=["1"] * len(rare))
    streamed = stream_features(write_features(tmp_path / "x", params, rare), CLASSES, "1")
    cumulative = loop._balancing(streamed)
    assert np.diff(cumulative, prepend=0).tolist() == pytest.approx([0.5] + [0.5 / 20] * 20)


@pytest.mark.slow
def test_a_streamed_detector_is_trained_and_tuned(params: Params, tmp_path: Path) -> None:
    features = write_features(tmp_path / "features", params)
    write_events(features, params)
    quiet = NO_AUGMENT.model_dump()
    for folder, dataset in (("stream", "stream"), ("memory", "memory")):
        model = small(params, "snn-tcn-both", epochs=1, dataset=dataset, augment=quiet)
        train_fold(request(params, model, tmp_path, folder), lambda: None)
        assert (tmp_path / folder / "decision.csv").is_file()


@pytest.mark.slow
def test_a_training_of_streamed_clips_is_found_by_what_it_depends_on(
    features: Path, params: Params, tmp_path: Path
) -> None:
    def key(**changes: Any) -> str:
        return trainings.fingerprint(
            streamed_job(features, params, tmp_path, **changes), "backprop"
        )

    known = key()
    assert key(workers=3, save_s=1.0) == known, "how it is read changes nothing"
    assert key(keep="last") != known
    assert key(batch_clips=16) != known
    path = features / "shard-00001.npz"
    content = np.load(path)["x"]
    np.savez(path, x=content + np.float16(0.25))
    assert key() != known


def test_what_only_streams_have_is_refused_in_memory(params: Params) -> None:
    values = recipe(params).model_dump()
    with pytest.raises(ValueError, match=r"augment\.warp, masks and blocks: only streamed clips"):
        RecipeParams.model_validate(values | {"augment": ALL.model_dump()})


def test_a_recipe_without_streams_is_written_as_ever(params: Params) -> None:
    # Trainings of before are found by this text.
    keys = ["epochs", "batch_clips", "learning_rate", "weight_decay", "patience", "clip_gradient"]
    keys += ["silence_weight", "augment"]
    for name in ("ann", "snn", "detector_ann", "detector_snn"):
        each = params.recipes[name]
        assert list(each.model_dump()) == keys
        assert list(each.model_dump()["augment"]) == [
            "roll", "shift_bins", "time_mask", "bin_mask", "noise", "mixup",
        ]  # fmt: skip
    stream = recipe(params, dataset="stream", workers=2)
    assert RecipeParams.model_validate(stream.model_dump()) == stream


def test_a_method_that_cannot_stream_is_named_up_front(params: Params) -> None:
    content = params.model_dump()
    recipes = {
        name: each.model_copy(update={"dataset": "stream"}) for name, each in params.recipes.items()
    }
    assert content["recipes"]
    changed = params.model_copy(update={"recipes": recipes})
    with pytest.raises(
        SpikesoundError, match=r"dataset: stream, method 'int8'.*valid: backprop, i"
    ):
        changed.table()


def test_numbers_of_spikes_are_learnt_from_streams(
    features: Path, params: Params, tmp_path: Path
) -> None:
    job = streamed_job(features, params, tmp_path, augment=NO_AUGMENT, keep="last")
    found = trained(of_method(job, params, "integer"), "integer")
    assert (found.spec.steps, found.spec.neuron) == (3, "integer_lif")
    assert found.history[0]["train_loss"] > found.history[-1]["train_loss"]
    # In three substeps of spikes the network computes what it was trained with.
    expected = found.history[-1]["validation_loss"]
    assert found.result["validation_loss"] == pytest.approx(expected, abs=1e-4)


PENALTY = {"target": 0.1, "weight": 5.0, "depth": 0.0, "start": 0.1, "ramp": 0.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"methods.integer.penalty": PENALTY},
            r"rates is not available with dataset: stream; set methods\.integer",
        ),
        ({"encoding": "rate"}, r"an encoding without spikes; encoding 'rate'; valid: direct"),
        (
            {"models.snn-tcn-strong.method": "integer"},
            r"trains classifiers only; .* neuron to multi_spike_lif",
        ),
        ({}, None),
    ],
)
def test_what_integer_training_has_not_on_streams_is_refused(
    changes: dict[str, Any], message: str | None
) -> None:
    content = read_sections(ROOT / "params.yaml")
    content = changed(content, {"models.snn-cnn-surrogate.method": "integer"})
    content = changed(content, {"recipes.snn.dataset": "stream"})
    content = changed(content, changes)
    if message is None:
        assert Params.of(content).model("snn-cnn-surrogate").method_params.streams
        return
    with pytest.raises(SpikesoundError, match=message):
        Params.of(content)


def two_ranks(rank: int, port: int, features: Path, out: Path, params: Params, method: str) -> None:
    """Train as one of two processes, and write the weights."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    job = replace(of_method(linear_job(features, params, out), params, method), fabric=fabric)
    found = trained(job, method)
    torch.save(found.network.state_dict(), out / f"rank{rank}.pt")


def linear_job(features: Path, params: Params, folder: Path) -> Job:
    """Return a job whose network has neither batch norm nor dropout."""
    job = streamed_job(features, params, folder, augment=ALL.model_dump())
    shape = job.spec.network_params | {"dropout": 0.0}
    return replace(job, spec=job.spec.model_copy(update={"network_params": shape, "folded": True}))


@pytest.mark.slow  # two processes that import torch
@pytest.mark.parametrize("method", ["backprop", "integer"])
def test_two_ranks_give_the_weights_of_one(
    features: Path, params: Params, tmp_path: Path, method: str
) -> None:
    import multiprocessing
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=two_ranks, args=(rank, port, features, tmp_path, params, method))
        for rank in range(2)
    ]
    for each in processes:
        each.start()
    for each in processes:
        each.join(120)
        assert each.exitcode == 0
    job = of_method(linear_job(features, params, tmp_path / "alone"), params, method)
    alone = trained(job, method).network.state_dict()
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2)]
    for name, value in alone.items():
        assert torch.equal(ranks[0][name], ranks[1][name]), name
        assert torch.allclose(ranks[0][name], value, atol=1e-5), name


@pytest.mark.slow
def test_scores_of_streamed_clips_are_those_of_clips_in_memory(
    features: Path, params: Params, tmp_path: Path
) -> None:
    job = streamed_job(features, params, tmp_path)
    network = trained(job).network
    streamed = stream_features(features, CLASSES, "1")
    held = load_features(features, CLASSES, "1")
    scores = clip_scores(network, cast(Dataset, streamed), 7)
    assert np.array_equal(scores, clip_scores(network, held, 7))
    assert set(FOLDS) == set(streamed.folds)
