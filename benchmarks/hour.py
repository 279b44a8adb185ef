"""An hour in which sounds are rare: joules and days on a coin cell, spiking and conventional.

    python benchmarks/hour.py [--models data/models/detection] [--out FILE]
    python benchmarks/hour.py --stand-in build/hour [--epochs 4]

Needs the trained detectors of `make detection` that experiments/hour.yaml names. Hours are mixed
from ESC-10's recordings: those of the fold before the test fold to tune the gates, those of the
test fold for the table. Both twins are run as they were trained and with 8 bits, zeros skipped,
with a gate by level before them, and behind a spiking gate. A share of events that is done is not
done again. A table, and benchmarks/results/hour.json.

--stand-in trains small detectors on a few scenes instead, to try all of this: their figures stand
for nothing, and go into that folder.
"""

from __future__ import annotations

# Before torch: it sets how OpenMP's threads wait.
import spikesound  # noqa: F401  # isort: skip

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from machine import machine, versions

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.source import code_digest
from spikesound.data.store import digest
from spikesound.experiments.hour.experiment import Experiment
from spikesound.experiments.hour.run import run_hour
from spikesound.models.loading import TrainedModel, find_model, load
from spikesound.params import Params
from spikesound.params.hour import HourParams, load_hour
from spikesound.training.split import previous_fold

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/hour.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, default=ROOT / "data/models/detection")
    parser.add_argument("--settings", type=Path, default=ROOT / "experiments/hour.yaml")
    parser.add_argument("--stand-in", type=Path, metavar="FOLDER")
    parser.add_argument("--epochs", type=int, default=4, help="of the stand-ins")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    params, settings = Params.load(ROOT / "params.yaml"), load_hour(given.settings)
    # Below, pandas and more are imported: time that a wrong parameter need not wait for.
    import stand_ins

    fold, folder = params.tasks.detection.folds[0], given.models
    out = given.out or OUT
    if given.stand_in:
        folder = stand_ins.detectors(names(settings), params, given.stand_in, given.epochs)
        out = given.out or given.stand_in / "hour.json"
    trained = {name: load(folder / name) for name in names(settings)}
    for name, model in trained.items():
        if model.spec.fold != fold:
            raise SpikesoundError(
                f"{folder / name}: expected held-out fold {fold!r}, got {model.spec.fold!r}"
            )
    scenes = stand_ins.scenes_of(params)
    before = previous_fold(fold, [each.fold for each in scenes.recorded()])
    key = key_of(folder, trained, params, settings)
    known = read_mapping(out) if out.is_file() else {}

    def write(content: Mapping[str, Any]) -> None:
        facts = {"bench": "hour", "stand_in": bool(given.stand_in), "key": key}
        facts |= {"validation_fold": before, "test_fold": fold, "models": sorted(trained)}
        used = {"machine": machine(), "versions": versions("torch", "numba", "numpy")}
        write_json(out, facts | {"settings": settings.model_dump()} | dict(content) | used)

    content = run_hour(
        Experiment(trained, params, settings),
        (stand_ins.material(scenes, before), stand_ins.material(scenes, fold)),
        known if known.get("key") == key else {},
        write,
    )
    write(content)
    print_table(content["rows"])
    print(f"hour: {out}")


def names(settings: HourParams) -> list[str]:
    """Return the detectors that take part."""
    gate = settings.network_gate
    return list(dict.fromkeys([settings.conventional, settings.spiking, gate.model, gate.wakes]))


def key_of(
    folder: Path, trained: Mapping[str, TrainedModel], params: Params, settings: HourParams
) -> str:
    """Return a digest of all that the rows depend on."""
    files = (hashlib.sha256(find_model(folder / name).read_bytes()).hexdigest() for name in trained)
    costs, mixing = params.costs.model_dump_json(), params.sources.scenes.model_dump_json()
    return digest(*files, costs, mixing, settings.model_dump_json(), code_digest([run_hour]))


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print a row for each share of events and system."""
    heads = ["events", "system", "J/h", "least", "greatest", "days", "PSDS 1", "delay, s",
             "false/h", "runs"]  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|" + "---|" * 2 + "---:|" * (len(heads) - 2))
    for row in rows:
        cells = [f"{row['share']:.0%}", row["system"]]
        cells += [f"{row[key]:.3g}" for key in ("joules", "joules_least", "joules_greatest")]
        cells += [f"{next(iter(row['days'].values())):.0f}"]
        for key in ("psds1", "delay_median_s", "false_per_hour"):
            cells += ["–" if row[key] is None else f"{row[key]:.3f}"]
        cells += [", ".join(f"{each:.1%}" for each in row["runs"])]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    run(main)
