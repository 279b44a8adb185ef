"""Train the spiking network on each encoding by each method, and set the pairings side by side.

    python benchmarks/pairings.py [--encodings ...] [--methods ...] [--epochs N]

Needs the features of a run (dvc repro). All else is as in params.yaml; every pairing is trained on
all folds, and the whole goes on where it stopped.
Choices are made by ``validation_accuracy``, of a part of the training folds; test figures stand
beside it and choose nothing. ``spikes_per_clip`` counts the input's spikes and those of all layers.
The table goes to metrics/pairings.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stages"))

from tables import pairings

import paths
from spikesound.core.errors import run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.params import Encodings, Methods, Params

OUT = Path("metrics/pairings.json")
WORK = paths.STORE / "pairings"
ENCODINGS = ("direct", "rate", "latency", "ttfs", "phase", "burst")
METHODS = ("surrogate", "convert", "qcfs", "stdp")
SPARSE = "surrogate, sparse"
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in Methods.model_fields},
    SPARSE: ("surrogate", {"target_rate": 0.03, "rate_weight": 300.0}),
}
"""What stands in the table: a method, and changes to its section of params.yaml."""
BESIDES = [
    ("direct", SPARSE),
    ("direct", "proxy"),
    ("latency", "proxy"),
    ("latency", "memristor"),
    ("latency", "som"),
    ("direct", "som"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encodings", nargs="+", choices=Encodings.model_fields, default=ENCODINGS)
    parser.add_argument("--methods", nargs="+", choices=WAYS, default=METHODS)
    parser.add_argument("--only", action="store_true", help="not the few beside the grid")
    parser.add_argument("--epochs", type=int, help="instead of those of params.yaml")
    parser.add_argument("--workers", type=int, default=1, help="models trained at a time")
    options = parser.parse_args()
    if options.workers < 1 or (options.epochs is not None and options.epochs < 1):
        parser.error("--workers and --epochs are at least 1")
    params = Params.load(paths.PARAMS)
    if options.epochs:
        few = {"epochs": options.epochs, "patience": options.epochs}
        params = params.model_copy(update={"train_snn": params.train_snn.model_copy(update=few)})
    pairs = list(product(options.encodings, options.methods))
    if not options.only:
        pairs += BESIDES
    timeless = [pair for pair in pairs if pair[0] == "direct" and pair[1] in ("stdp", "memristor")]
    for encoding, way in timeless:
        print(f"{encoding} with {way}: left out, it has no spike times to learn from")
    jobs = [(*pair, fold) for pair in dict.fromkeys(pairs) for fold in params.folds
            if pair not in timeless]  # fmt: skip
    jobs.sort(key=lambda job: -getattr(params.encodings, job[0]).steps)  # long ones first
    done: dict[tuple[str, str, str], dict[str, Any]] = {}
    threads = max(1, (os.cpu_count() or 1) // options.workers)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(options.workers, context, set_threads, (threads,))
    with pool:
        waiting = {pool.submit(pairing, params, *job): job for job in jobs}
        ended = track(as_completed(waiting), total=len(waiting), what="train", unit="model")
        for future in ended:
            done[waiting[future]] = future.result()
    table = json.loads(OUT.read_text(encoding="utf-8")) if OUT.is_file() else {}
    for encoding, way in dict.fromkeys(pairs):
        if (encoding, way) not in timeless:
            folds = [done[encoding, way, fold] for fold in params.folds]
            table.setdefault(encoding, {})[way] = summary(params, folds)
    write_json(OUT, table)
    print(f"\n{pairings()}")
    print(f"all figures: {OUT}")


def set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def pairing(params: Params, encoding: str, way: str, fold: str) -> dict[str, Any]:
    """Train and test one network, or return what an earlier run found."""
    import numpy as np
    from spikesound.evaluation.predict import run_fold
    from spikesound.training.data import load_spikes

    from spikesound.core.labels import read_labels
    from spikesound.costs.counting import Counted
    from spikesound.costs.widths import SPIKING
    from spikesound.data.store import digest

    # Here, in the process that works; its parent need not wait for them.
    from spikesound.features.shards import Shards
    from spikesound.features.spike_shards import encode_shards
    from spikesound.snn.encoding import ENCODERS
    from spikesound.training import METHODS as TRAIN
    from spikesound.training.run import code_digest, snn_spec, train_model

    code = getattr(params.encodings, encoding)
    method, changes = WAYS[way]
    section = getattr(params.methods, method).model_copy(update=changes)
    network = params.models.snn[0]
    heard = [file.read_bytes() for file in sorted(paths.FEATURES.iterdir()) if file.is_file()]
    data = hashlib.sha256(b"".join(heard)).hexdigest()
    key = digest("spikes", data, encoding, code.model_dump_json(), str(params.seed))
    spikes = WORK / key / fold
    if not (spikes / "spec.json").is_file():
        encode_shards(
            Shards(paths.FEATURES),
            fold,
            name=encoding,
            encoder=ENCODERS[encoding],
            params=code,
            seed=params.seed,
            out=spikes,
        )
    classes = list(read_labels(paths.CLIPS / "labels.json"))
    clips, spec_of = load_spikes(spikes, classes)
    spec = snn_spec(params, network, method, fold, classes, clips.bins, spec_of)
    parts = (spec, section, params.train_snn)
    name = digest(key, code_digest(), *(part.model_dump_json() for part in parts))
    result = WORK / name / "tested.json"
    if result.is_file():
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return found
    trained = train_model(
        TRAIN[method],
        spec,
        clips,
        params.train_snn,
        section=section,
        step_values=spec_of["step_values"],
        out=WORK / name,
        checkpoints=WORK / "checkpoints",
    )
    held_out = clips.only(fold)
    counted = Counted()
    rows = run_fold(
        trained.network,
        held_out,
        classes,
        params.evaluate.batch_clips,
        spec=trained.spec,
        counted=counted,
    )
    spiking = [layer for layer in counted.layers if layer.neuron in SPIKING]
    spikes = sum(layer.active_outputs for layer in spiking) * len(held_out)
    inputs = float(held_out.batch(np.arange(len(held_out))).sum())
    rows = rows.loc[rows.groupby("clip_id", sort=False)["score"].idxmax()]
    found = {
        "steps": spec.steps,
        "hits": [bool(hit) for hit in rows["target"]],
        "spikes": spikes + (inputs if held_out.spikes else 0.0),
        "layer_spikes": spikes,
        "chances": sum(layer.neuron_updates for layer in spiking) * len(held_out),
        "clips": len(held_out),
        "train_s": sum(epoch["seconds"] for epoch in trained.history),
        "result": trained.result,
    }
    write_json(result, found)
    return found


def summary(params: Params, folds: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the folds of a pairing together; accuracy with its interval over clips."""
    import numpy as np

    from spikesound.core.seeds import numpy_generator

    hits = np.concatenate([np.array(fold["hits"], float) for fold in folds])
    generator = numpy_generator(params.seed, "pairings")
    draws = generator.integers(0, len(hits), (params.evaluate.resamples, len(hits)))
    tail = 50 * (1 - params.evaluate.confidence)
    low, high = np.percentile(hits[draws].mean(1), [tail, 100 - tail])
    clips = sum(fold["clips"] for fold in folds)
    row = {
        "steps": folds[0]["steps"],
        "epochs": params.train_snn.epochs,
        "validation_accuracy": float(np.mean([f["result"]["validation_accuracy"] for f in folds])),
        "accuracy": float(hits.mean()),
        "accuracy_low": float(low),
        "accuracy_high": float(high),
        "spike_rate": sum(f["layer_spikes"] for f in folds) / sum(f["chances"] for f in folds),
        "spikes_per_clip": sum(fold["spikes"] for fold in folds) / clips,
        "train_s": float(np.mean([fold["train_s"] for fold in folds])),
    }
    if "source_accuracy" in folds[0]["result"]:
        row["source_accuracy"] = float(np.mean([f["result"]["source_accuracy"] for f in folds]))
    return {name: round(value, 4) for name, value in row.items()}


if __name__ == "__main__":
    run(main)
