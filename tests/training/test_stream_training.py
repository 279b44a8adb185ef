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
from toy_clips import ALL_AUGMENT, NO_AUGMENT, recipe, toy

from spikesound.core.errors import SpikesoundError
from spikesound.params import Params, RecipeParams
from spikesound.params.base import read_sections
from spikesound.params.experiments import changed
from spikesound.training import trainings
from spikesound.training.dataset import Dataset, load_features, load_spikes
from spikesound.training.job import Job, Trained
from spikesound.training.run import prepare, train_fold
from spikesound.training.scores import clip_scores
from spikesound.training.stream import loop
from spikesound.training.stream.augment import augment, prepared
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

CLASSES = list(NAMES)


def digest(x: torch.Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()


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
                both.append(augment(x, ALL_AUGMENT, Draws(5, 2, each.numbers), spikes=False))
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
    values = {"dataset": "stream", "epochs": 3, "patience": 3, "augment": ALL_AUGMENT.model_dump()}
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
        RecipeParams.model_validate(values | {"augment": ALL_AUGMENT.model_dump()})


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
    job = streamed_job(features, params, folder, augment=ALL_AUGMENT.model_dump())
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
