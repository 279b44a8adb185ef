"""Spoken digits: the spiking network on FSDD's official split, and with each speaker held out.

    python benchmarks/fsdd.py [--folder data/fsdd] [--seeds 1 2 3 4 5] [--epochs N]

``--folder`` holds the collection's ``recordings``; without it the archive is fetched. The stages of
the pipeline run in data/store/fsdd with the changes to params.yaml that stand below; the networks
are then trained with other seeds, and the whole goes on where it stopped. On the official split
indices 0 to 4 are tested; its speakers are those of training. The
epoch that is kept is chosen on a part of the training clips. Figures go to metrics/fsdd.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import yaml

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.params import Params

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "metrics/fsdd.json"
WORK = ROOT / "data/store/fsdd"
FOLDS = {"recordings": ["1"], "speakers": ["1", "2", "3", "4", "5", "6"]}
CHANGES: dict[str, Any] = {
    "source": "fsdd",
    "encoding": "direct",
    "features": {
        "rate_hz": 8000,
        "clip_s": 1.0,
        "window": 256,
        "hop": 128,
        "mels": 40,
        "high_hz": 4000.0,
    },
    "networks": {"cnn": {"channels": [24, 48, 96, 192]}},
    "train_snn": {
        "epochs": 30,
        "patience": 30,
        "learning_rate": 0.003,
        # A roll would cut a word in two.
        "augment": {
            "roll": False,
            "shift_bins": 2,
            "time_mask": 0.1,
            "bin_mask": 0.1,
            "mixup": 0.0,
        },
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "data/fsdd")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--splits", nargs="+", choices=FOLDS, default=list(FOLDS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--workers", type=int, default=1, help="models trained at a time")
    options = parser.parse_args()
    if options.workers < 1 or (options.epochs is not None and options.epochs < 1):
        parser.error("--workers and --epochs are at least 1")
    jobs = []
    for split in options.splits:
        prepare(split, options.folder.resolve(), options.epochs)
        seeds = options.seeds if split == "recordings" else options.seeds[:1]
        jobs += [(split, fold, seed) for seed in seeds for fold in FOLDS[split]]
    done: dict[tuple[str, str, int], dict[str, Any]] = {}
    threads = max(1, (os.cpu_count() or 1) // options.workers)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, set_threads, (threads,)) as pool:
        waiting = {pool.submit(trained, *job): job for job in jobs}
        ended = track(as_completed(waiting), total=len(jobs), what="train", unit="model")
        for future in ended:
            done[waiting[future]] = future.result()
    table = json.loads(OUT.read_text(encoding="utf-8")) if OUT.is_file() else {}
    for split in options.splits:
        table[split] = summary([done[job] for job in jobs if job[0] == split])
    write_json(OUT, table)
    print(json.dumps(table, indent=2))
    print(f"figures: {OUT}")


def prepare(split: str, folder: Path, epochs: int | None) -> None:
    """Run the stages up to spikes in a folder of their own."""
    work = WORK / split
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    merge(content, CHANGES)
    content["folds"] = FOLDS[split]
    content["sources"]["fsdd"] |= {"split": split, "folder": str(folder)}
    if split == "speakers":
        content["train_snn"]["validation_share"] = 0.2  # one of the five other speakers
    if epochs:
        content["train_snn"] |= {"epochs": epochs, "patience": epochs}
    text = yaml.safe_dump(content)
    work.mkdir(parents=True, exist_ok=True)
    (work / "data/audioset").mkdir(parents=True, exist_ok=True)
    ontology = work / "data/audioset/ontology.json"
    ontology.write_bytes((ROOT / "data/audioset/ontology.json").read_bytes())
    (work / "params.yaml").write_text(text, encoding="utf-8")
    for stage in ("check", "filter", "download", "features", "encode"):
        script = ROOT / "stages" / f"{stage}.py"
        if subprocess.run([sys.executable, str(script)], cwd=work, check=False).returncode:
            raise SpikesoundError(f"stage {stage} failed; what it says is above")


def merge(content: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict):
            merge(content[key], value)
        else:
            content[key] = value


def set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def trained(split: str, fold: str, seed: int) -> dict[str, Any]:
    """Train and test one network, or return what an earlier run found."""
    from spikesound.evaluation.predict import parameter_count, run_fold
    from spikesound.training.data import load_spikes

    from spikesound.core.labels import read_labels
    from spikesound.costs.counting import Counted
    from spikesound.costs.widths import SPIKING
    from spikesound.data.store import digest
    from spikesound.training import METHODS
    from spikesound.training.run import code_digest, snn_spec, train_model

    work = WORK / split
    params = Params.load(work / "params.yaml").model_copy(update={"seed": seed})
    classes = list(read_labels(work / "data/clips/labels.json"))
    clips, encoding = load_spikes(work / "data/spikes" / f"fold-{fold}", classes)
    spec = snn_spec(params, "cnn", "surrogate", fold, classes, clips.bins, encoding)
    section = params.methods.surrogate
    key = (spec, section, params.train_snn, params.features)
    out = work / "models" / digest(code_digest(), *(part.model_dump_json() for part in key))
    result = out / "tested.json"
    if result.is_file():
        known: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return known
    done = train_model(
        METHODS["surrogate"],
        spec,
        clips,
        params.train_snn,
        section=section,
        step_values=encoding["step_values"],
        out=out,
        checkpoints=work / "checkpoints",
    )
    held_out = clips.only(fold)
    counted = Counted()
    rows = run_fold(done.network, held_out, classes, 100, spec=done.spec, counted=counted)
    spiking = [layer for layer in counted.layers if layer.neuron in SPIKING]
    spikes = [layer.active_outputs for layer in spiking]
    chances = [layer.neuron_updates for layer in spiking]
    rows = rows.loc[rows.groupby("clip_id", sort=False)["score"].idxmax()]
    found = {
        "fold": fold,
        "seed": seed,
        "steps": spec.steps,
        "clips": len(held_out),
        "accuracy": float(rows["target"].mean()),
        "validation_accuracy": done.result["validation_accuracy"],
        "spike_rate": sum(spikes) / sum(chances),
        "parameters": parameter_count(done.network),
        "operations": operations(done.network, held_out, spikes, chances),
    }
    write_json(result, found)
    return found


def operations(
    network: Any, clips: Any, spikes: list[float], neuron_steps: list[float]
) -> dict[str, float]:
    """Count a clip's operations: dense products of all steps, and those that spikes ask for.

    The first layer sees values, once: its products are multiply-accumulates in both counts. A
    later layer's product is done for each step (``dense``) or for each spike that comes
    (``by_spikes``). The average over 2 x 2 places is a part of the convolution.
    """
    import torch

    shapes = []
    hooks = [
        block.register_forward_hook(lambda block, inputs, out: shapes.append(out.shape))
        for block in network.blocks
    ]
    with torch.no_grad():
        network(torch.zeros(clips.inputs.shape[1], 1, *clips.inputs.shape[2:3], clips.bins))
    for hook in hooks:
        hook.remove()
    dense, by_spikes = 0.0, 0.0
    for number, (block, shape) in enumerate(zip(network.blocks, shapes, strict=True)):
        steps, _, channels, frames, bins = shape
        places = (block.kernel + 1) ** 2 * block.convolution.in_channels
        products = channels * frames * bins * places
        dense += products * (1 if number == 0 else steps)
        rate = 1.0 if number == 0 else spikes[number - 1] / neuron_steps[number - 1]
        by_spikes += products * (1 if number == 0 else steps * rate)
    read = network.readout.weight.numel()
    return {"dense": dense + read, "by_spikes": by_spikes + read}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    accuracies = [row["accuracy"] for row in rows]
    return {
        "accuracy": round(statistics.mean(accuracies), 4),
        "accuracy_deviation": round(statistics.stdev(accuracies), 4) if len(rows) > 1 else None,
        "accuracies": {f"fold {row['fold']}, seed {row['seed']}": row["accuracy"] for row in rows},
        "validation_accuracy": round(statistics.mean(r["validation_accuracy"] for r in rows), 4),
        "test_clips": sum(row["clips"] for row in rows),
        "steps": rows[0]["steps"],
        "spike_rate": round(statistics.mean(row["spike_rate"] for row in rows), 4),
        "parameters": rows[0]["parameters"],
        "operations_dense": round(statistics.mean(r["operations"]["dense"] for r in rows)),
        "operations_by_spikes": round(statistics.mean(r["operations"]["by_spikes"] for r in rows)),
    }


if __name__ == "__main__":
    run(main)
