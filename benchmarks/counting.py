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
from spikesound.training.data import load_features, load_spikes

import paths
from spikesound.core.errors import run
from spikesound.core.json_files import write_json
from spikesound.core.labels import read_labels
from spikesound.core.progress import track
from spikesound.costs.counting import Counted, counting
from spikesound.models import classifier_spec
from spikesound.params import Params
from spikesound.training.loop import predict

CLIPS = 10_000
OUT = Path(__file__).resolve().parent / "results/counting.json"


def main() -> None:
    params = Params.load(paths.PARAMS)
    rows = [measure(params, model) for model in ("ann-cnn", "ann-lstm", "snn-cnn-surrogate")]
    for row in rows:
        print(f"{row['workload']}: counting costs {row['ratio']:.3f} times plain inference")
    write_json(OUT, rows)
    print(f"counting: {OUT}")


def measure(params: Params, model: str) -> dict[str, Any]:
    fold, labels = params.folds[0], list(read_labels(paths.CLIPS / "labels.json"))
    spec, network = classifier_spec.load(paths.model(model, fold))
    if spec.neuron is None:
        clips = load_features(paths.FEATURES, labels, fold).only(fold)
    else:
        clips = load_spikes(paths.spikes(fold), labels)[0].only(fold)
    seconds = {True: 0.0, False: 0.0}
    rounds = -(-CLIPS // len(clips))
    order = random.Random(0)
    predict(network, clips, params.evaluate.batch_clips)
    with counting(network, spec, Counted()):
        predict(network, clips, params.evaluate.batch_clips)
    for _ in track(range(rounds), total=rounds, what=model, unit="round"):
        for counted in order.sample([True, False], 2):
            started = time.perf_counter()
            if counted:
                with counting(network, spec, Counted()):
                    predict(network, clips, params.evaluate.batch_clips)
            else:
                predict(network, clips, params.evaluate.batch_clips)
            seconds[counted] += time.perf_counter() - started
    return {
        "bench": "counting",
        "workload": model,
        "clips": rounds * len(clips),
        "plain_s": round(seconds[False], 2),
        "counted_s": round(seconds[True], 2),
        "ratio": round(seconds[True] / seconds[False], 3),
        "machine": machine(),
        "versions": versions("torch", "numba"),
    }


if __name__ == "__main__":
    run(main)
