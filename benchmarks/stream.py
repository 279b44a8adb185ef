"""Streamed clips: memory, random reads and the order of an epoch, with ten thousand and a million.

    python benchmarks/stream.py [--clips 10000 1000000] [--batches 200]

Shards of random values, as large as those of a second of sound, are written once and linked under
as many names as shards would be needed; each clip has an id of its own. For each number of clips a
process of its own opens the index, takes the order of an epoch, reads clips at random, trains
a small network for some batches, and scores the clips of one fold. Its peak of resident memory is
noted behind each of these, as the kernel counts it (VmHWM): pages of the shards included.

It prints a table and writes benchmarks/results/stream.json. Needs Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from machine import machine, versions
from torch import nn

from spikesound.core.errors import run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.core.schema import FEATURE_INDEX, write_table
from spikesound.features import normalisation
from spikesound.features.shards import write_shards
from spikesound.models.build import build
from spikesound.models.spec import Spec
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.tasks import task_of
from spikesound.training.dataset import Dataset
from spikesound.training.fabric import TrainingFabric
from spikesound.training.job import Job
from spikesound.training.objective import Objective
from spikesound.training.scores import clip_scores
from spikesound.training.stream.clips import StreamedClips, stream_features
from spikesound.training.stream.loop import train_streamed
from spikesound.training.stream.order import EpochOrder

ROOT = Path(__file__).resolve().parents[1]
OUT = Path(__file__).resolve().parent / "results/stream.json"
FRAMES, BINS = 63, 40
WRITTEN, SHARD_CLIPS = 10_000, 100
CLASSES = [f"class{number}" for number in range(10)]
READS = 20_000


def main(arguments: argparse.Namespace) -> None:
    if arguments.measure:
        print(json.dumps(measured(Path(arguments.measure), arguments.batches)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        shards = Path(folder) / "shards"
        write_real_shards(shards)
        for clips in arguments.clips:
            made = Path(folder) / str(clips)
            repeat(shards, made, clips)
            command = [sys.executable, __file__, "--measure", str(made)]
            done = subprocess.run(
                [*command, "--batches", str(arguments.batches)], stdout=subprocess.PIPE, check=True
            )
            rows.append({"clips": clips} | json.loads(done.stdout.splitlines()[-1]))
            print(table(rows[-1:], heads=not rows[:-1]), flush=True)
    more = {
        name: rows[-1]["memory_mb"][name] - rows[0]["memory_mb"][name]
        for name in rows[0]["memory_mb"]
    }
    print(f"more memory with {rows[-1]['clips']:,} clips: {more} MB")
    content = {"machine": machine(), "versions": versions("torch", "pyarrow", "numpy")}
    write_json(OUT, content | {"rows": rows, "more_mb": more})


def table(rows: list[dict[str, Any]], *, heads: bool) -> str:
    """Return rows as lines of text."""
    lines = []
    if heads:
        lines.append("clips | index s | order: distinct, M/s | reads/s | memory MB, by phase")
    for row in rows:
        lines.append(
            f"{row['clips']:,} | {row['index_s']:.1f} | {row['distinct']:,}, "
            f"{row['order_per_s'] / 1e6:.2f} | {row['reads_per_s']:,.0f} | {row['memory_mb']}"
        )
    return "\n".join(lines)


def write_real_shards(folder: Path) -> None:
    """Write the shards whose content all names share."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"clip_id": [f"c{number}" for number in range(WRITTEN)]})
    frame = frame.assign(fold="1", media_id="m", recording="r", labels=[[]] * WRITTEN)
    values = (generator.uniform(-80, 0, (FRAMES, BINS)).astype(np.float16) for _ in range(WRITTEN))
    write_shards(folder, frame, values, SHARD_CLIPS)


def repeat(shards: Path, folder: Path, clips: int) -> None:
    """Link the shards under as many names as the clips need, and write the index of all clips."""
    folder.mkdir()
    originals = sorted(shards.glob("shard-*.npz"))
    count = -(-clips // SHARD_CLIPS)
    for number in track(range(count), total=count, what=f"link shards of {clips:,} clips"):
        os.link(originals[number % len(originals)], folder / f"shard-{number:05}.npz")
    numbers = np.arange(clips)
    index = pd.DataFrame(
        {
            "clip_id": [f"clip-{number:08}" for number in numbers],
            "shard": [f"shard-{number // SHARD_CLIPS:05}.npz" for number in numbers],
            "row": numbers % SHARD_CLIPS,
            "fold": (numbers % 10 + 1).astype(str),
            "media_id": [f"media-{number:08}" for number in numbers],
            "recording": [f"recording-{number // 3:08}" for number in numbers],
            "labels": [[CLASSES[number % 10]] for number in numbers],
        }
    )
    write_table(index, FEATURE_INDEX, folder / "index.parquet")
    ranges = {"low": [-80.0] * BINS, "high": [0.0] * BINS}
    normalisation.save({"1": ranges}, folder / "normalisation.json")


class Stop(Exception):
    """Raised when a training has done the batches that are asked for."""


class Counting(Objective):
    """The task's loss, for a number of batches."""

    def __init__(self, job: Job, batches: int) -> None:
        super().__init__(job)
        self.left = batches

    def backward(self, *arguments: Any) -> float:
        if not self.left:
            raise Stop
        self.left -= 1
        return super().backward(*arguments)


def measured(folder: Path, batches: int) -> dict[str, Any]:
    """Return what one number of clips takes, phase by phase."""
    torch.set_num_threads(1)
    memory = {"start": memory_mb()}
    started = time.perf_counter()
    clips = stream_features(folder, CLASSES, "1")
    index_s = time.perf_counter() - started
    memory["index"] = memory_mb()
    order = EpochOrder(len(clips), 64, 1, 1)
    seen = np.zeros(len(clips), bool)
    started = time.perf_counter()
    for number in range(len(order)):
        rows = order.rows(number)
        assert not seen[rows].any(), "a clip comes twice in an epoch"
        seen[rows] = True
    order_s = time.perf_counter() - started
    memory["order"] = memory_mb()
    at = np.random.default_rng(0).integers(0, len(clips), READS)
    started = time.perf_counter()
    for first in range(0, READS, 64):
        clips.raw(at[first : first + 64])
    reads_s = time.perf_counter() - started
    memory["reads"] = memory_mb()
    network, trained_per_s = train(folder, clips, batches)
    memory["training"] = memory_mb()
    held = clips.only("1")
    started = time.perf_counter()
    scores = clip_scores(network, cast(Dataset, held), 64)
    scored_per_s = len(scores) / (time.perf_counter() - started)
    memory["scoring"] = memory_mb()
    return {
        "index_s": round(index_s, 2),
        "distinct": int(seen.sum()),
        "order_per_s": round(len(clips) / order_s),
        "reads_per_s": round(READS / reads_s),
        "trained_per_s": round(trained_per_s),
        "scored": len(scores),
        "scored_per_s": round(scored_per_s),
        "memory_mb": memory,
    }


def train(folder: Path, clips: StreamedClips, batches: int) -> tuple[nn.Module, float]:
    """Train for some batches on all folds but one; return the network and the clips a second."""
    params = Params.of(read_sections(ROOT / "params.yaml"))
    spec = Spec(
        model="ann", task="classification", network="cnn",
        network_params={"channels": [8, 16], "kernel": 3, "pool": "average", "dropout": 0.0},
        neuron="relu", neuron_params={}, labels="single", classes=CLASSES, names=CLASSES,
        bins=BINS, fold="1", seed=1,
    )  # fmt: skip
    recipe = params.recipes["ann"].model_copy(update={"dataset": "stream", "batch_clips": 64})
    known = clips.without("1")
    held = clips.only("1")
    job = Job(
        spec,
        task_of(spec, params.tasks.classification),
        cast(Dataset, known),
        cast(Dataset, held.select(np.arange(64))),
        recipe,
        params.methods["backprop"],
        (1.0,),
        1,
        resume=folder / "resume.pt",
        fabric=TrainingFabric(params.device.model_copy(update={"accelerator": "cpu"})),
    )
    network = build(spec)
    started = time.perf_counter()
    with contextlib.suppress(Stop):
        train_streamed(network, job, Counting(job, batches))
    seconds = time.perf_counter() - started
    return network, batches * recipe.batch_clips / seconds


def memory_mb() -> int:
    """Return the peak of this process's resident memory, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return round(int(status["VmHWM"].split()[0]) / 1024)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    run(lambda: main(parser.parse_args()))
