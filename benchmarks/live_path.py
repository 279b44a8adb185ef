"""The live path by torch and by the compiled backends: real-time factor of listen, CPU of detect.

    python benchmarks/live_path.py --model FILE [FILE ...] [--seconds 600] [--rounds 5] [--out FILE]

Ten minutes of ESC-10's recordings go through what ``spikesound listen`` runs, in blocks of 50 ms,
and through ``detect`` at once, on one core. Backends ``dense`` and ``auto`` take turns, and who is
first changes from round to round; medians over rounds, and of the ratios within a round. The
features are a part of both, and are measured apart. Scores and events are compared, frame by frame.
The time to the first frame is that of new processes, with numba's cache empty and filled. A table,
and benchmarks/results/live_path.json.
"""

from __future__ import annotations

# Before torch: it sets how OpenMP's threads wait.
import spikesound  # noqa: F401  # isort: skip

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from listen import Recordings
from machine import machine, versions

from spikesound.apps import api
from spikesound.apps.live.listen import listen
from spikesound.apps.live.traced import TracedStream
from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.features.front_end import FrameStream

OUT = Path(__file__).resolve().parent / "results/live_path.json"
BACKENDS = ("dense", "auto")
TOLERANCE = 1e-5
START = """
import sys, time
started = time.perf_counter()
import torch
from spikesound.apps import api
torch.set_num_threads(1)
stream = api.load(sys.argv[1]).stream(backend=sys.argv[2])
print(time.perf_counter() - started)
"""
Floats = npt.NDArray[np.float32]


class Given:
    """Samples as a source of blocks of 50 ms."""

    def __init__(self, samples: Floats, rate_hz: int) -> None:
        self.rate_hz, self.dropped = rate_hz, 0
        self.warnings: list[str] = []
        self._samples = samples

    def blocks(self) -> Iterator[Floats]:
        """Yield the blocks."""
        size = self.rate_hz // 20
        for start in range(0, len(self._samples), size):
            yield self._samples[start : start + size]


def main() -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="files of detectors")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for path in options.model:
        model = api.load(path)
        if not model.detects:
            raise SpikesoundError(f"{path}: expected a detector, got a classifier")
        source = Recordings(model.rate_hz, options.seconds, options.seed)
        samples = np.concatenate(list(source.blocks()))
        times = measure(model, samples, options.rounds)
        row = summary(model, times, options.seconds) | compared(model, samples)
        rows.append(row | started(path) | {"machine": machine()} | {"versions": used()})
    print_table(rows)
    write_json(options.out, rows)
    print(f"live path: {options.out}")


def used() -> dict[str, str]:
    """Return the versions of what computes."""
    return versions("torch", "numba")


Times = dict[str, list[float]]
"""By what was measured, of each round: seconds."""


def measure(model: api.Model, samples: Floats, rounds: int) -> Times:
    """Let both backends take turns at listen and detect, and the features alone."""

    def listened(backend: str) -> float:
        stream = TracedStream(model.trained, model.rate_hz, backend=backend)
        source = Given(samples, model.rate_hz)
        return listen(source, stream, lambda *_: None).busy_s

    def features() -> None:
        stream = FrameStream(model.trained.front_end)
        for block in Given(samples, model.rate_hz).blocks():
            stream.feed(block)

    calls: dict[str, Callable[[], float]] = {"features": lambda: cpu_s(features)}
    for backend in BACKENDS:
        calls[f"listen {backend}"] = lambda backend=backend: listened(backend)
        calls[f"detect {backend}"] = lambda backend=backend: cpu_s(
            lambda: model.detect(samples, model.rate_hz, backend=backend)
        )
    turns = list(calls)
    times: Times = {name: [] for name in turns}
    for backend in BACKENDS:  # what is compiled or loaded once
        model.detect(samples[: model.rate_hz], model.rate_hz, backend=backend)
    for number in track(range(rounds), total=rounds, what=model.name, unit="round"):
        shift = number % len(turns)
        for name in turns[shift:] + turns[:shift]:
            times[name].append(calls[name]())
    return times


def cpu_s(call: Callable[[], object]) -> float:
    """Return the CPU time that a call takes."""
    before = time.process_time()
    call()
    return time.process_time() - before


def summary(model: api.Model, times: Times, seconds: float) -> dict[str, Any]:
    """Return medians over rounds, and medians of the ratios within a round."""
    row: dict[str, Any] = {
        "bench": "live_path",
        "model": model.name,
        "backend": model.stream().backend,
        "seconds": seconds,
        "rounds": len(times["features"]),
        "features_cpu_s": float(np.median(times["features"])),
    }
    for backend in BACKENDS:
        factor = float(np.median(times[f"listen {backend}"])) / seconds
        row[f"listen_real_time_factor_{backend}"] = factor
        row[f"detect_cpu_s_{backend}"] = float(np.median(times[f"detect {backend}"]))
    for what in ("listen", "detect"):
        dense, auto = (np.array(times[f"{what} {backend}"]) for backend in BACKENDS)
        row[f"{what}_speed_up"] = float(np.median(dense / auto))
    return row


def compared(model: api.Model, samples: Floats) -> dict[str, Any]:
    """Return by how much scores differ, and whether the events are the same."""
    results = []
    for backend in BACKENDS:
        stream = model.stream(backend=backend)
        results.append(stream.feed(samples) + stream.finish())
    dense, auto = (np.stack([frame.scores for frame in frames]) for frames in results)
    events = [[event for frame in frames for event in frame.closed] for frames in results]
    differences = np.abs(dense - auto).max(1)
    return {
        "frames": len(differences),
        "frames_beyond_rounding": int((differences > TOLERANCE).sum()),
        "largest_difference": float(differences.max()),
        "events": len(events[0]),
        "events_equal": [event[:3] for event in events[0]] == [event[:3] for event in events[1]],
    }


def started(path: Path) -> dict[str, float]:
    """Return the time from a new process to a stream that waits for its first sample."""
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        for name, backend in (("dense", "dense"), ("first", "auto"), ("cached", "auto")):
            command = [sys.executable, "-c", START, str(path), backend]
            # Torch's own loop uses compiled neurons too: each of the first two starts has no cache.
            folder = str(Path(cache) / backend)
            environment = os.environ | {"NUMBA_CACHE_DIR": folder}
            answer = subprocess.run(
                command, env=environment, check=True, capture_output=True, text=True
            )
            found[f"start_s_{name}"] = float(answer.stdout)
    return found


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print a row for each model."""
    heads = ["model", "backend", "listen dense", "listen auto", "detect dense, s", "detect auto, s",
             "features, s", "events", "equal", "start, first, s", "cached, s"]  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|" + "---|" * 2 + "---:|" * (len(heads) - 2))
    for row in rows:
        cells = [row["model"], row["backend"]]
        cells += [f"{row[f'listen_real_time_factor_{backend}']:.5f}" for backend in BACKENDS]
        cells += [f"{row[f'detect_cpu_s_{backend}']:.2f}" for backend in BACKENDS]
        cells += [f"{row['features_cpu_s']:.2f}", str(row["events"])]
        cells += ["yes" if row["events_equal"] else "no"]
        cells += [f"{row['start_s_first']:.1f}", f"{row['start_s_cached']:.1f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    run(main)
