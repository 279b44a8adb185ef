"""The filter stage on a list as long as AudioSet's unbalanced one, and on our two lists.

    python benchmarks/filter.py [--rows 2041789] [--rounds 3] [--distinct] [--out FILE]

The long list is made in a temporary folder: the rows of AudioSet's balanced and evaluation lists
again and again, each under an id of its own, in no order. The stage itself runs on it in a process
of its own, from reading the list to writing the tables; its time and its memory at the peak are
those of the whole process, from the start of the interpreter on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from machine import machine, versions

ROOT = Path(__file__).resolve().parents[1]
AUDIOSET = ROOT / "data/audioset"
LISTS = ("balanced_train_segments.csv", "eval_segments.csv")
ROWS = 2_041_789  # of AudioSet's unbalanced_train_segments.csv
ALPHABET = string.ascii_letters + string.digits + "-_"
ROOTS = [
    "Human sounds",
    "Animal",
    "Music",
    "Natural sounds",
    "Sounds of things",
    "Source-ambiguous sounds",
    "Channel, environment and background",
]

WORKLOADS: dict[str, dict[str, Any]] = {
    "all seven subtrees, the ten labels with most clips, balanced, ancestors added": {
        "labels": ROOTS,
        "subtree": True,
        "top": 10,
        "expand": True,
        "balance": True,
    },
    "everything kept, ancestors added": {"expand": True},
}


def rows(distinct: bool) -> Iterator[str]:
    """Yield what stands behind the ids in our lists, in AudioSet's first dialect, without end.

    With ``distinct`` labels are drawn at random, so that hardly two rows have the same set.
    """
    found = []
    for name in LISTS:
        for line in (AUDIOSET / name).read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                _, start, end, labels = re.split(r", *", line, maxsplit=3)
                found.append((float(start), float(end), labels.strip('"').split(",")))
    every = sorted({label for _, _, labels in found for label in labels})
    draw = random.Random(1)
    while True:
        for start, end, labels in found:
            names = sorted(draw.sample(every, len(labels) + 1)) if distinct else labels
            yield f' {start:.3f}, {end:.3f}, "{",".join(names)}"\n'


def make_list(path: Path, count: int, distinct: bool) -> None:
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"# num_ytids={count}, num_segs={count}\n")
        file.write("# YTID, start_seconds, end_seconds, positive_labels\n")
        for _, row in zip(range(count), rows(distinct), strict=False):
            file.write(f"{''.join(draw.choices(ALPHABET, k=11))},{row}")


def make_project(folder: Path, segments: dict[str, str], settings: dict[str, Any]) -> None:
    """Lay out what the stage reads: parameters and the ontology."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= {"source": "audioset", "folds": [list(segments)[-1]], "store": str(folder / "store")}
    params["sources"]["audioset"]["segments"] = segments
    params["filter"] |= settings
    (folder / "data/audioset").mkdir(parents=True, exist_ok=True)
    ontology = folder / "data/audioset/ontology.json"
    ontology.write_bytes((AUDIOSET / "ontology.json").read_bytes())
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def run_stage(folder: Path) -> tuple[float, float, str]:
    """Run the stage: seconds, resident memory at its peak in MB, and what it prints."""
    with (folder / "stdout").open("w") as out:
        start = time.perf_counter()
        stage = subprocess.Popen(
            [sys.executable, str(ROOT / "stages/filter.py")], cwd=folder, stdout=out
        )
        _, status, usage = os.wait4(stage.pid, 0)
        seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"stages/filter.py failed in {folder}")
    return seconds, usage.ru_maxrss / 1024, (folder / "stdout").read_text()


def measure(folder: Path, path: Path, rounds: int) -> Iterator[dict[str, object]]:
    """Run each workload in turn, print a row of the table for each, and yield them as results."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in WORKLOADS}
    counts: dict[str, dict[str, int]] = {}
    for _ in range(rounds):
        for name, settings in WORKLOADS.items():
            make_project(folder, {"unbalanced": str(path)}, settings)
            seconds, peak_mb, _ = run_stage(folder)
            runs[name].append((seconds, peak_mb))
            report = json.loads((folder / "data/clips/report.json").read_text(encoding="utf-8"))
            counts[name] = report["clips"]
    for name, found in runs.items():
        seconds = [run[0] for run in found]
        peak_mb = max(run[1] for run in found)
        clips = counts[name]
        print(
            f"| {name} | {statistics.median(seconds):.1f} | {min(seconds):.1f}-{max(seconds):.1f} "
            f"| {peak_mb:.0f} | {clips['kept']} | {clips['dropped']} | {clips['rejected']} |"
        )
        yield {
            "bench": "filter",
            "workload": f"{name}, {clips['asked']} rows",
            "library": "spikesound",
            "median_s": round(statistics.median(seconds), 2),
            "low_s": round(min(seconds), 2),
            "high_s": round(max(seconds), 2),
            "peak_mb": round(peak_mb, 1),
            **clips,
            "machine": machine(),
            "versions": versions("pyarrow", "numpy", "pandas"),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--distinct", action="store_true", help="label sets drawn at random")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/filter.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "unbalanced_train_segments.csv"
        make_list(path, options.rows, options.distinct)
        print(f"{options.rows} rows, {path.stat().st_size / 1e6:.0f} MB, {machine()}\n")
        print("| workload | median s | lowest-highest | peak MB | kept | dropped | rejected |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        results = list(measure(folder, path, options.rounds))
        lists = dict(zip(("train", "eval"), (str(AUDIOSET / each) for each in LISTS), strict=True))
        make_project(folder, lists, {"top": 10, "balance": True})
        print("\nThe two lists that we have, the ten labels with most clips, balanced:\n")
        print(run_stage(folder)[2])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
