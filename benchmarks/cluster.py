"""Features on a Dask cluster on this machine: two worker processes of one thread against one.

    python benchmarks/cluster.py [FOLDER OF RECORDINGS] [--rounds 3] [--clips 400] [--out FILE]

The time is that of the whole of `extract`, from audio shards to feature shards, into an empty
store; workers have their imports behind them. The clusters take turns within a round; each figure
is the median, lowest and highest round. All files must be those of a run without a cluster, byte
for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from machine import machine, versions

from features import recordings
from spikesound.core.schema import STATUS, write_table
from spikesound.data.audio_shards import STATUS_FILE, write_audio
from spikesound.data.store import Store
from spikesound.features.extract import extract
from spikesound.params import FeatureParams, Params

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests/support"))
from dask_cluster import Cluster

WORKERS = (1, 2)
FOLDS = ["1", "2"]


@dataclass(frozen=True)
class Audio:
    """A folder of audio shards and its tables."""

    folder: Path
    clips: pd.DataFrame
    status: pd.DataFrame


def packed(flacs: list[bytes], folder: Path, shard_clips: int) -> Audio:
    """Pack recordings as the download stage does."""
    names = [f"clip-{number:05}" for number in range(len(flacs))]
    homes = write_audio(folder, zip(names, flacs, strict=True), shard_clips)
    clips = pd.DataFrame({"clip_id": names, "media_id": names, "recording": names})
    clips["fold"] = [FOLDS[number % len(FOLDS)] for number in range(len(names))]
    clips["labels"] = [["/m/a"] for _ in names]
    status = pd.DataFrame({"clip_id": names, "state": "ok", "reason": "", "attempts": 1})
    status["seconds"] = 0.0
    status["bytes"] = [len(flac) for flac in flacs]
    status["sha256"] = [hashlib.sha256(flac).hexdigest() for flac in flacs]
    status["path"] = [homes[name] for name in names]
    write_table(status, STATUS, folder / STATUS_FILE)
    return Audio(folder, clips, status)


def run(audio: Audio, params: FeatureParams, scheduler: str | None) -> tuple[float, str]:
    """Extract into an empty store; return the time in ms and a hash of all files made."""
    with tempfile.TemporaryDirectory(dir=audio.folder.parent) as folder:
        out = Path(folder) / "features"
        store = Store(Path(folder) / "store")
        start = time.perf_counter()
        extract(
            audio.folder, audio.clips, audio.status, params, store, out, FOLDS, scheduler=scheduler
        )
        took_ms = 1000 * (time.perf_counter() - start)
        made = hashlib.sha256()
        for path in sorted(out.iterdir()):
            made.update(path.name.encode() + path.read_bytes())
    return took_ms, made.hexdigest()


def measure(
    audio: Audio, params: FeatureParams, folder: Path, rounds: int
) -> tuple[dict[int, list[float]], bool]:
    """Time each number of workers once per round; also tell whether all results were equal."""
    times: dict[int, list[float]] = {count: [] for count in WORKERS}
    _, expected = run(audio, params, None)
    hashes = set()
    with ExitStack() as stack:
        clusters = {
            count: stack.enter_context(Cluster(folder / f"cluster-{count}", count))
            for count in WORKERS
        }
        for cluster in clusters.values():
            cluster.wait()
            run(audio, params, cluster.address)  # imports are not counted
        for number in range(rounds):
            for count in WORKERS if number % 2 == 0 else reversed(WORKERS):
                took_ms, made = run(audio, params, clusters[count].address)
                times[count].append(took_ms)
                hashes.add(made)
    return times, hashes == {expected}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "esc10" / "audio")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--repeat", type=int, default=4, help="times that each clip is taken")
    parser.add_argument("--shard-clips", type=int, default=25)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/cluster.json")
    options = parser.parse_args()

    params = Params.load(ROOT / "params.yaml").features
    flacs = recordings(options.folder, options.clips) * options.repeat
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        audio = packed(flacs, folder / "audio", options.shard_clips)
        times, equal = measure(audio, params, folder, options.rounds)

    print(f"{len(flacs)} clips, {options.rounds} rounds, {machine()}\n")
    print("| workers | median ms | lowest-highest | clips/s | times one worker's |")
    print("|---|---|---|---|---|")
    base = statistics.median(times[WORKERS[0]])
    results = []
    for count, values in times.items():
        median = statistics.median(values)
        print(
            f"| {count} | {median:.0f} | {min(values):.0f}-{max(values):.0f} "
            f"| {1000 * len(flacs) / median:.0f} | {base / median:.2f} |"
        )
        results.append(
            {
                "bench": "cluster",
                "workload": f"features of {len(flacs)} clips, audio shards to feature shards",
                "library": "spikesound",
                "mode": f"{count} Dask worker{'s' * (count > 1)} of 1 thread",
                "median_ms": round(median, 2),
                "low_ms": round(min(values), 2),
                "high_ms": round(max(values), 2),
                "clips_per_s": round(1000 * len(flacs) / median, 1),
                "equal_to_local": equal,
                "machine": machine(),
                "versions": versions("dask", "distributed", "numpy", "soundfile", "soxr", "torch"),
            }
        )
    print(
        f"\nShards, tables and ranges equal to those without a cluster: {'yes' if equal else 'NO'}"
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if not equal:
        raise SystemExit("results differ")


if __name__ == "__main__":
    main()
