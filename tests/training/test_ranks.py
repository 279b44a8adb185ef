"""Several processes that train one network: equal to one, killed and resumed, refused."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from ranked import STAGE, RankedProject, children, lines
from small_shards import request, small
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.ranks import Ranks, ranks
from spikesound.models import file
from spikesound.params import DeviceParams, Params, check_ranks
from spikesound.training.parallel.batch_norm import over_ranks
from spikesound.training.parallel.dropout import RankDropout
from spikesound.training.parallel.launch import _killed
from spikesound.training.parallel.replaced import replace_layers
from spikesound.training.parallel.share import BatchShare
from spikesound.training.request import FoldRequest
from spikesound.training.run import train_fold

CPU = torch.device("cpu")
RATES = {"target_rate": 0.1, "rate_weight": 5.0}
SIZE = {"batch_clips": 7, "clip_gradient": 1.0}
"""36 clips: the last batch has 8, the others 7, which two ranks cannot halve."""

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ann-cnn": (SIZE, {}),
    "snn-cnn-surrogate": (SIZE, RATES),
    "snn-tcn-both": (SIZE | {"silence_weight": 0.5}, RATES),
}
"""Models, with values of their recipe and of their method. All have batch norms and dropout."""


def job_of(params: Params, name: str, folder: Path, out: str) -> FoldRequest:
    recipe, method = CASES[name]
    model = small(params, name, dataset="stream", **recipe)
    model = replace(model, method_params=model.method_params.model_copy(update=method))
    return request(params, model, folder, out, store=folder / out / "store")


def train_as_rank(rank: int, port: int, folder: Path, params: Params) -> None:
    """Train each case as one of two processes; each has folders of its own to write to."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"TORCHELASTIC_RUN_ID": "test"}
    torch.set_num_threads(1)
    for name in CASES:
        result = train_fold(job_of(params, name, folder, f"{name}-rank{rank}"), lambda: None)
        assert bool(result) == (rank == 0)


@pytest.mark.slow
def test_two_ranks_give_the_network_of_one_and_the_first_alone_writes(
    params: Params, tmp_path: Path
) -> None:
    alone = {name: train_fold(job_of(params, name, tmp_path, name), lambda: None) for name in CASES}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=train_as_rank, args=(rank, port, tmp_path, params))
        for rank in range(2)
    ]
    for each in processes:
        each.start()
    for each in processes:
        each.join(250)
        assert each.exitcode == 0
    for name, result in alone.items():
        one, two = tmp_path / name, tmp_path / f"{name}-rank0"
        assert not (tmp_path / f"{name}-rank1").exists()
        weights, others = (file.load(each / file.WEIGHTS)[1].state_dict() for each in (one, two))
        assert list(weights) == list(others)
        for key, value in weights.items():
            assert torch.allclose(value, others[key], atol=1e-5), f"{name}: {key}"
        histories = [
            pd.read_csv(each / "history.csv").drop(columns="seconds") for each in (one, two)
        ]
        pd.testing.assert_frame_equal(*histories, rtol=1e-4)
        again = json.loads((two / "result.json").read_text())
        assert again["best_epoch"] == result["best_epoch"]
        assert [path.name for path in (one / "store").iterdir()] == [
            path.name for path in (two / "store").iterdir()
        ], "a training of several ranks is found by one"


def killed(project: RankedProject, rank: int) -> str:
    """Start the stage, kill a rank once it writes a checkpoint, and return what is printed."""
    before = project.checkpoints()
    process = project.start(sys.executable, STAGE, "ann-cnn")
    while project.checkpoints() == before:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    ranked = children(process.pid)
    os.kill(ranked[rank], signal.SIGKILL)
    began = time.monotonic()
    text, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert process.returncode == 1
    assert not any(Path(f"/proc/{each}").exists() for each in ranked)
    [resume] = project.checkpoints()
    assert len(torch.load(resume, weights_only=True)["progress"]["history"]) < 4, "before the end"
    return text


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds ranks by /proc")
@pytest.mark.timeout(600)  # four times the stage, each with a start of two processes
def test_a_killed_rank_ends_the_run_with_a_line_and_it_goes_on(tmp_path: Path) -> None:
    project, whole = (
        RankedProject(tmp_path / name, tasks={"classification": {"folds": ["1"]}})
        for name in ("killed", "whole")
    )
    for rank in (1, 0):
        text = killed(project, rank)
        assert lines(text.strip(), ("",)) == [
            f"error: rank {rank} was killed (SIGKILL); out of memory? Run again: the training "
            "goes on from its checkpoint"
        ]
    done = project.train()
    assert lines(done, ("best epoch",))[0].startswith("ann-cnn, fold 1: best epoch")
    whole.train()
    same_weights(project.model(), whole.model(), atol=0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_launchers_run_the_same_stage_and_one_process_finds_what_they_trained(
    tmp_path: Path,
) -> None:
    folds = {"classification": {"folds": ["1"]}}
    project = RankedProject(tmp_path / "project", device={"devices": 1}, tasks=folds)
    for number, (model, *command) in enumerate(
        (
            ("snn-cnn-surrogate", "torchrun", "--standalone", "--nproc-per-node", "2"),
            ("ann-cnn", "fabric", "run", "--accelerator", "cpu", "--devices", "2"),
        ),
        start=1,
    ):
        text = project.run(*command, STAGE, model)
        assert len(lines(text, ("best epoch",))) == 1, "the first rank alone prints"
        assert project.model(model).is_dir()
        assert len(project.finished()) == number * 3, "weights, history and result"
    before = project.finished()
    project.train("snn-cnn-surrogate")
    assert project.finished() == before, "nothing was trained again"


def same_weights(one: Path, other: Path, atol: float) -> None:
    mine, theirs = (file.load(each / file.WEIGHTS)[1].state_dict() for each in (one, other))
    for name, value in mine.items():
        assert torch.allclose(value, theirs[name], rtol=0, atol=atol), name


def test_what_several_devices_cannot_train_is_refused(params: Params, tmp_path: Path) -> None:
    memory = params.model("ann-cnn")
    with pytest.raises(SpikesoundError, match=r"^recipes\.ann\.dataset: 2 .* must be stream, got"):
        check_ranks(params, memory, 2)
    with pytest.raises(SpikesoundError, match=r"method .int8.*valid: backprop, integer, s"):
        check_ranks(params, params.model("ann-cnn-int8"), 2)
    streamed = small(params, "snn-cnn-surrogate", dataset="stream")
    check_ranks(params, streamed, 2)
    with pytest.raises(
        SpikesoundError, match=r"batch_clips: expected at least two .* of 5 .*got 8"
    ):
        check_ranks(params, streamed, 5)
    method = streamed.method_params.model_copy(update={"truncate_steps": 2})
    with pytest.raises(
        SpikesoundError, match=r"methods\.surrogate\.truncate_steps: .* must be null"
    ):
        check_ranks(params, replace(streamed, method_params=method), 2)
    for changes, found in (({"devices": 0}, "devices"), ({"strategy": "fsdp"}, "'auto' or 'ddp'")):
        with pytest.raises(ValueError, match=found):
            DeviceParams.model_validate(params.device.model_dump() | changes)


@pytest.mark.slow  # two seconds of imports
def test_the_stage_refuses_before_it_imports_torch(tmp_path: Path) -> None:
    project = RankedProject(tmp_path / "project", recipes={"ann": {"dataset": "memory"}})
    began = time.monotonic()
    text = project.run(sys.executable, "-X", "importtime", STAGE, "ann-cnn", code=1)
    assert time.monotonic() - began < 60
    assert "error: recipes.ann.dataset: 2 devices train model 'ann-cnn' together" in text
    assert not lines(text, ("| torch\n", " torch.nn"))


def test_one_device_is_written_as_ever(params: Params) -> None:
    # Results of before are found by this text.
    assert list(params.device.model_dump()) == ["accelerator", "precision"]
    two = params.device.model_copy(update={"devices": 2})
    assert two.model_dump()["devices"] == 2


def test_a_process_knows_its_rank_by_its_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "7")  # of something else
    assert ranks() == Ranks(0, 1, 1, None)
    values = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    place = ranks()
    assert (place.rank, place.count, place.devices, place.machines) == (3, 4, 2, 2)
    assert not place.first
    with pytest.raises(SpikesoundError, match="same number of processes on each machine, got 3"):
        _ = Ranks(0, 4, 3, "x").machines


def test_the_rank_that_was_killed_is_named_and_not_those_that_its_launcher_ended() -> None:
    assert _killed({0: -15, 1: -9}) == (1, signal.SIGKILL)
    assert _killed({0: -15, 1: 1}) is None, "rank 1 has said why"
    assert _killed({0: -15}) == (0, signal.SIGTERM)


def test_shares_of_a_batch_are_its_clips_and_the_silence_is_the_firsts() -> None:
    shares = [BatchShare(rank, 2) for rank in range(2)]
    for each in shares:
        each.take(5, silence=True)
    assert [each.rows.tolist() for each in shares] == [[0, 2, 4, 5], [1, 3]]
    assert [each.part for each in shares] == [4 / 6, 2 / 6]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_ranks_drop_what_one_process_drops(order: tuple[int, ...]) -> None:
    """Whatever the order in memory: the draws follow it."""
    batch, shape = 6, (3, 6, 4)  # time, batch, feature
    size = [shape[axis] for axis in order]
    whole = torch.rand(size).permute(sorted(range(3), key=order.__getitem__))
    assert whole.shape == shape
    torch.manual_seed(1)
    expected = nn.functional.dropout(whole, 0.5)
    for rank in range(2):
        share = BatchShare(rank, 2)
        share.take(batch, silence=False)
        part = torch.empty([3 if each == 1 else shape[each] for each in order])
        part = part.permute(sorted(range(3), key=order.__getitem__))
        part.copy_(whole[:, share.rows])
        torch.manual_seed(1)
        assert torch.equal(RankDropout(0.5, share)(part), expected[:, share.rows])


def test_dropout_of_what_is_no_batch_is_refused() -> None:
    share = BatchShare(0, 2)
    share.take(8, silence=False)
    with pytest.raises(SpikesoundError, match=r"\(9, 5\): expected the 4 clips of this device"):
        RankDropout(0.5, share)(torch.ones(9, 5))
    with pytest.raises(SpikesoundError, match=r"dropout of Dropout2d: .* torch\.nn\.Dropout alone"):
        replace_layers(nn.Sequential(nn.Dropout2d(0.5)), share, CPU)


def test_layers_are_replaced_and_put_back_with_their_weights() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.2))
    before, keys = list(network), list(network.state_dict())
    put_back = replace_layers(network, BatchShare(0, 2), CPU)
    assert [type(each).__name__ for each in network][1:] == ["RankBatchNorm", "RankDropout"]
    assert list(network.state_dict()) == keys
    assert network[1].weight is before[1].weight
    network.eval()
    x = torch.rand(2, 1, 9, 9)
    expected = network(x)
    put_back()
    assert list(network) == before
    assert not network[1].training
    assert torch.equal(network(x), expected)


def test_a_batch_norm_over_ranks_is_that_of_one_for_one_rank(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Values, gradients and running figures, with the sum over ranks that of one."""
    monkeypatch.setattr("torch.distributed.all_reduce", lambda x: None)
    for shape in ((6, 3), (4, 3, 5), (4, 3, 5, 2)):
        plain = (nn.BatchNorm1d if len(shape) < 4 else nn.BatchNorm2d)(3)
        nn.init.uniform_(plain.weight)
        kind = type(plain)(3)
        kind.load_state_dict(plain.state_dict())
        ours = over_ranks(kind, CPU)
        x = (torch.rand(shape) * 3 + 5).requires_grad_()
        y = x.detach().clone().requires_grad_()
        scale = torch.rand(shape)
        for norm, values in ((plain, x), (ours, y)):
            (norm(values) * scale).sum().backward()
        assert torch.allclose(x.grad, y.grad, atol=1e-5)  # type: ignore[arg-type]
        assert torch.allclose(plain.weight.grad, ours.weight.grad, atol=1e-5)  # type: ignore[union-attr, arg-type]
        for name, value in plain.state_dict().items():
            assert torch.allclose(value, ours.state_dict()[name], atol=1e-5), name
