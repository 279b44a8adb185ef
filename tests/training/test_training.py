"""Training: augmentation, the validation split, the loop, and going on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT
from small_shards import request, small, write_features
from toy_clips import NO_AUGMENT, TRAINED, base_spec, job, recipe, toy

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.params import AugmentParams, Params
from spikesound.training import checkpoint
from spikesound.training.augment import augment, mixup
from spikesound.training.job import Epoch
from spikesound.training.loop import train_backprop
from spikesound.training.methods import METHODS
from spikesound.training.run import train_fold
from spikesound.training.scores import clip_scores
from spikesound.training.split import split_validation

ALL = AugmentParams(roll=True, shift_bins=3, time_mask=0.2, bin_mask=0.2, noise=0.1, mixup=0.3)


@pytest.mark.slow
@given(st.integers(0, 1000), st.booleans())
def test_augmented_input_keeps_shape_and_range(seed: int, spikes: bool) -> None:
    generator = np.random.default_rng(seed)
    x = generator.random((2, 9, 7), np.float32)
    x = (x < 0.5).astype(np.float32) if spikes else x
    before = x.copy()
    out = augment(x, ALL, spikes=spikes, generator=np.random.default_rng(seed))
    assert out.shape == x.shape
    assert out.dtype == np.float32
    assert ((out >= 0) & (out <= 1)).all()
    assert (x == before).all(), "the input is left alone"
    if spikes:
        assert np.isin(out, [0, 1]).all()


def test_no_augmentation_changes_nothing() -> None:
    x = np.random.default_rng(0).random((2, 9, 7), np.float32)
    assert (augment(x, NO_AUGMENT, spikes=False, generator=np.random.default_rng(0)) == x).all()


def test_roll_is_circular_and_shift_is_not() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 4, 3) / 12
    rolled = NO_AUGMENT.model_copy(update={"roll": True})
    out = augment(x, rolled, spikes=False, generator=np.random.default_rng(1))
    assert sorted(out.ravel()) == sorted(x.ravel())
    assert any((np.roll(x, k, 1) == out).all() for k in range(4))
    shifted = NO_AUGMENT.model_copy(update={"shift_bins": 2})
    sums = {
        float(augment(np.ones_like(x), shifted, spikes=False, generator=g).sum())
        for g in (np.random.default_rng(i) for i in range(40))
    }
    assert sums == {12.0, 8.0, 4.0}, "what enters is zero, by 0, 1 or 2 bins"


def test_mixup_blends_inputs_and_targets_by_the_same_weight() -> None:
    x = np.eye(4, dtype=np.float32).reshape(4, 1, 1, 4)
    mixed, targets = mixup(x, np.eye(4, dtype=np.float32), 0.5, np.random.default_rng(2))
    assert np.allclose(mixed[:, 0, 0], targets)
    assert np.allclose(targets.sum(1), 1)
    assert (targets.max(1) < 1).any()
    several = np.array([[1, 1, 0], [0, 0, 1]], np.float32)
    _, shares = mixup(x[:2], several, 0.5, np.random.default_rng(1))
    assert np.allclose(shares.sum(1), 1), "a clip's labels count as shares of one"
    same, _ = mixup(x, targets, 0, np.random.default_rng(2))
    assert same is x


def test_the_split_never_divides_a_recording() -> None:
    clips = toy(80)
    train_rows, validation_rows = split_validation(clips, 0.125, seed=3)
    groups = np.array(clips.groups)
    assert not set(groups[train_rows]) & set(groups[validation_rows])
    assert sorted([*train_rows, *validation_rows]) == list(range(80))
    assert len(validation_rows) == pytest.approx(10, abs=2)
    assert clips.present[validation_rows].sum(0).min() >= 3, "both classes are there"
    again = split_validation(clips, 0.125, seed=3)[1]
    assert (again == validation_rows).all()


def test_too_few_recordings_to_split_is_an_error() -> None:
    with pytest.raises(SpikesoundError, match="4 recordings are too few"):
        split_validation(toy(8), 0.125, seed=0)


def test_too_few_clips_of_every_label_to_split_is_an_error() -> None:
    clips = replace(toy(20, classes=4), groups=[f"recording{i}" for i in range(20)])
    with pytest.raises(SpikesoundError, match="no label has the 8 clips"):
        split_validation(clips, 0.125, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("spikes", [False, True])
def test_training_learns_a_separable_set(spikes: bool, params: Params, tmp_path: Path) -> None:
    clips = toy(spikes=spikes)
    torch.manual_seed(0)
    few = recipe(params, epochs=12, patience=12, augment=NO_AUGMENT.model_dump())
    kind = "surrogate" if spikes else "backprop"
    trained = train_backprop(job(params, tmp_path, kind=kind, clips=clips, training=few))
    best = trained.result["best_epoch"]
    assert trained.result["validation_accuracy"] > 0.9
    assert trained.result["validation_accuracy"] == trained.history[best - 1]["validation_accuracy"]
    losses = [epoch["validation_loss"] for epoch in trained.history]
    assert best == int(np.argmin(losses)) + 1
    scores = clip_scores(trained.network, clips.select(np.arange(32, 48)), 5)
    assert (scores.argmax(1) == clips.present[32:].argmax(1)).mean() > 0.9


@pytest.mark.slow
def test_training_stops_when_validation_loss_no_longer_falls(
    params: Params, tmp_path: Path
) -> None:
    clips = toy()
    wrong = clips.select(np.arange(32, 48))
    # Validation labels are the opposite of what can be learnt: its loss only grows.
    opposite = replace(wrong, present=wrong.present[:, ::-1].copy())
    torch.manual_seed(0)
    few = recipe(params, epochs=40, patience=3)
    trained = train_backprop(replace(job(params, tmp_path, training=few), validation=opposite))
    assert len(trained.history) == trained.result["best_epoch"] + 3 < 40


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_training_stopped_at_any_epoch_goes_on_to_the_same_end(
    name: str, params: Params, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def run(resume: Path, die_at: int) -> tuple[list[Epoch], dict[str, torch.Tensor]]:
        def report(epoch: Epoch) -> None:
            if epoch["epoch"] == die_at:
                raise Killed

        torch.manual_seed(0)
        whole = job(params, tmp_path, kind=name)
        if whole.method.starts_from:
            whole = replace(whole, base=build(base_spec(whole)))
        trained = METHODS[name](replace(whole, seed=5, resume=resume, report=report))
        return trained.history, trained.network.state_dict()

    history, weights = run(tmp_path / "whole.pt", 0)
    with pytest.raises(Killed):
        run(tmp_path / "cut.pt", 2)
    history_cut, weights_cut = run(tmp_path / "cut.pt", 0)
    for ours, theirs in zip(history, history_cut, strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}
    assert all(torch.equal(weights[key], weights_cut[key]) for key in weights)


def test_a_half_written_checkpoint_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    assert checkpoint.load(path) is None
    path.with_name("state.pt.part").write_bytes(b"half")
    assert checkpoint.load(path) is None
    checkpoint.save(path, {"history": [1]})
    assert checkpoint.load(path) == {"history": [1]}
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.slow
def test_training_never_sees_the_held_out_fold(params: Params, tmp_path: Path) -> None:
    clips = toy()
    poisoned = clips.inputs.copy()
    poisoned[np.array(clips.folds) == "1"] = np.nan
    model = small(params, "ann-cnn")
    weights = []
    for name, inputs in (("a", clips.inputs), ("b", poisoned)):
        folder = tmp_path / name
        write_features(folder / "features", params, replace(clips, inputs=inputs))
        train_fold(request(params, model, folder), lambda: None)
        weights.append((folder / "model" / "model.safetensors").read_bytes())
        assert not list((folder / "store").glob("*.pt")), "done: nothing to resume is left"
    assert weights[0] == weights[1]
    history = pd.read_csv(tmp_path / "a" / "model" / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    assert (tmp_path / "a" / "model" / "live" / "plots").is_dir()


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from small_shards import request, small
from spikesound.params import Params
from spikesound.training.run import train_fold
params = Params.load(Path({params!r}))
model = small(params, "ann-cnn", epochs=30, patience=30)
folder = Path({folder!r})
train_fold(request(params, model, folder, store=folder / sys.argv[1], out=folder / sys.argv[2]),
           lambda: None)
"""


@pytest.mark.slow
def test_kill_9_in_mid_training_then_again_gives_the_same_weights(
    params: Params, tmp_path: Path
) -> None:
    script = textwrap.dedent(
        KILLED.format(
            tests=str(ROOT / "tests/support"),
            params=str(ROOT / "params.yaml"),
            folder=str(tmp_path),
        )
    )
    write_features(tmp_path / "features", params)

    def start(store: str, out: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", script, store, out])

    process = start("store", "cut")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "store").glob("*.pt")):
        assert process.poll() is None, "ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    assert start("store", "cut").wait() == 0
    assert start("elsewhere", "whole").wait() == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("cut", "whole")]
    assert weights[0] == weights[1]
