"""What counting operations adds to inference, on 10,000 clips.

    python benchmarks/counting.py

Needs the outputs of a run (dvc repro). The test clips of the first fold are scored again and again,
with counting and without in turn, until each has scored 10,000; the times are sums over all rounds.
A table and benchmarks/results/counting.json.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stages"))

from machine import machine, versions

import paths
import places
from spikesound.core.errors import run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.costs.counting import Counted, counting
from spikesound.models import file
from spikesound.params import Model, Params
from spikesound.training.scores import clip_scores

CLIPS = 10_000
OUT = Path(__file__).resolve().parent / "results/counting.json"


def main() -> None:
    params = Params.load(paths.PARAMS)
    models = [params.model(name) for name in ("ann-cnn", "ann-lstm", "snn-cnn-surrogate")]
    rows = [measure(params, model) for model in models]
    for row in rows:
        print(f"{row['workload']}: counting costs {row['ratio']:.3f} times plain inference")
    write_json(OUT, rows)
    print(f"counting: {OUT}")


def measure(params: Params, model: Model) -> dict[str, Any]:
    """Return how long the test clips of the first fold take, with counting and without."""
    fold = params.task_params(model.task).folds[0]
    spec, network = file.load(paths.network(model, fold))
    clips, batch = places.folds(model, params).load_clips(fold).only(fold), model.recipe.batch_clips
    seconds = {True: 0.0, False: 0.0}
    rounds = -(-CLIPS // len(clips))
    order = random.Random(0)
    clip_scores(network, clips, batch)
    with counting(network, spec, Counted()):
        clip_scores(network, clips, batch)
    for _ in track(range(rounds), total=rounds, what=model.name, unit="round"):
        for counted in order.sample([True, False], 2):
            started = time.perf_counter()
            if counted:
                with counting(network, spec, Counted()):
                    clip_scores(network, clips, batch)
            else:
                clip_scores(network, clips, batch)
            seconds[counted] += time.perf_counter() - started
    return {
        "bench": "counting",
        "workload": model.name,
        "clips": rounds * len(clips),
        "plain_s": round(seconds[False], 2),
        "counted_s": round(seconds[True], 2),
        "ratio": round(seconds[True] / seconds[False], 3),
        "machine": machine(),
        "versions": versions("torch", "numba"),
    }


if __name__ == "__main__":
    run(main)
