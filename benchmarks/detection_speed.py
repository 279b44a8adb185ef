"""How long a detector takes for a second of sound, of background and of silence, on one core.

    python benchmarks/detection_speed.py [--data data] [--labels strong] [--rounds 9]

Needs the features, audio, clips and models of a run of detection (-S task=detection). Each
frame comes by itself, as in a stream. Spiking networks and their twins are run by torch, and
compiled (event-driven, and by values with zeros left out or not). All take turns; medians over
rounds, and ratios of the times of one round. Operations are those of synapses and the updates of
neurons (docs/reference/costs.md). A table and benchmarks/results/detection_speed.json.
"""

from __future__ import annotations

# Before torch: it sets how OpenMP's threads wait.
import spikesound  # noqa: F401  # isort: skip

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from machine import machine, versions

from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.core.schema import CLIPS, read_table
from spikesound.costs.by_frame import mean_layers
from spikesound.costs.counting import count_frames
from spikesound.data.audio_shards import read_audio
from spikesound.features import normalisation
from spikesound.features.front_end import FrameStream, FrontEnd, read_front_end
from spikesound.features.shards import Shards
from spikesound.inference.streaming.conventional import Conventional
from spikesound.inference.streaming.event_driven import EventDriven
from spikesound.models.loading import TrainedModel, load
from spikesound.params import Params
from spikesound.tasks.task import batched

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/detection_speed.json"
TWINS = {"snn-tcn": "ann-tcn", "snn-alif": "ann-gru"}
MODELS = ("snn-tcn", "ann-tcn", "snn-alif", "ann-gru")
INPUTS = ("scenes", "background", "silence")
CLIPS_EACH = 4
CALLS = 5
"""Of a whole clip at once, in each round: it takes a millisecond."""
Frames = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Way:
    """A network and how it is run."""

    model: str
    library: str
    network: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--labels", default="strong")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    params = Params.load(ROOT / "params.yaml")
    fold = params.tasks.detection.folds[0]
    frames, front_end = inputs(given.data, fold)
    detectors = models(given.data / "models/detection", given.labels, fold)
    ways = [way for model, detector in detectors.items() for way in ways_of(model, detector)]
    times = measure(ways, frames, given.rounds)
    operations = {model: counted(detector, frames) for model, detector in detectors.items()}
    rows = table(times, operations, front_end)
    rows.append(features_row(given.data / "audio/detection", front_end, given.rounds))
    print_table(rows)
    write_json(given.out, rows)
    print(f"detection speed: {given.out}")


def inputs(data: Path, fold: str) -> tuple[Frames, FrontEnd]:
    """Return frames of each input, (clip, frame, bin), and the front end of the held-out fold."""
    front_end = read_front_end(data / "features/detection", fold)
    shards = Shards(data / "features/detection")
    clips = read_table(data / "clips/detection/clips.parquet", CLIPS).set_index("clip_id")
    mine = shards.index["fold"] == fold
    empty = np.array([not len(clips["labels"][clip]) for clip in shards.index["clip_id"]])
    chosen = {
        "scenes": np.flatnonzero(mine & ~empty)[:CLIPS_EACH],
        "background": np.flatnonzero(mine & empty)[:CLIPS_EACH],
    }
    for name, rows in chosen.items():
        if not len(rows):
            raise SpikesoundError(f"{data}: fold {fold} has no clips of kind {name}")
    values = shards.load()
    low, high = front_end.low, front_end.high
    found = {name: normalisation.apply(values[rows], low, high) for name, rows in chosen.items()}
    found["silence"] = np.zeros_like(found["scenes"])
    return found, front_end


def models(folder: Path, labels: str, fold: str) -> dict[str, TrainedModel]:
    """Load the trained detectors."""
    return {model: load(folder / f"{model}-{labels}" / f"fold-{fold}") for model in MODELS}


def ways_of(model: str, trained: TrainedModel) -> list[Way]:
    network: Any = trained.network
    if trained.spec.spiking:
        compiled = [Way(model, "compiled, events", EventDriven(network))]
    else:
        compiled = [
            Way(model, "compiled, dense", Conventional(network, skip=False)),
            Way(model, "compiled, zero skipping", Conventional(network)),
        ]
    return [Way(model, "torch", network), *compiled]


Times = dict[tuple[str, str, str], dict[str, list[float]]]
"""By model, library and input: µs a frame, of each round, frame by frame and all at once."""


def measure(ways: list[Way], frames: Frames, rounds: int) -> Times:
    """Let all take turns; who is first changes from round to round."""
    clips = {name: batched(x[:, None], frames=True) for name, x in frames.items()}
    turns = [(way, name) for way in ways for name in INPUTS]
    times: Times = {}
    for number in track(range(rounds + 1), total=rounds + 1, what="detection speed", unit="round"):
        for way, name in turns[number:] + turns[:number]:
            clip = number % clips[name].shape[1]
            x = clips[name][:, clip : clip + 1].contiguous()
            slow = microseconds(lambda way=way, x=x: stream(way.network, x), len(x))
            fast = microseconds(lambda way=way, x=x: at_once(way.network, x), len(x), CALLS)
            if number:  # the first one compiles
                kept = times.setdefault((way.model, way.library, name), {"frame": [], "whole": []})
                kept["frame"].append(slow)
                kept["whole"].append(fast)
    return times


def stream(network: Any, x: torch.Tensor) -> None:
    state = network.rest(1)
    with torch.inference_mode():
        for frame in range(len(x)):
            _, state = network.advance(x[frame : frame + 1], state)


def at_once(network: Any, x: torch.Tensor) -> None:
    with torch.inference_mode():
        network.advance(x, network.rest(1))


def microseconds(call: Callable[[], None], frames: int, calls: int = 1) -> float:
    """Return the time of the quickest of some calls: others were kept waiting by the system."""
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times) / frames * 1e6


def counted(trained: TrainedModel, frames: Frames) -> dict[str, dict[str, float]]:
    """Return the mean operations of a frame of each input."""
    found = {}
    for name, x in frames.items():
        counts = count_frames(trained.network, trained.spec, x)
        settled = np.ones(x.shape[:2], bool)
        settled[:, : x.shape[1] // 2] = name != "silence"
        layers, lazy = (mean_layers(counts, 1, settled, lazy=lazy) for lazy in (False, True))
        found[name] = {
            "dense": sum(layer.dense for layer in layers),
            "operations": sum(layer.effective for layer in layers),
            "neuron_updates": sum(layer.neuron_updates for layer in layers),
            "neuron_updates_lazy": sum(layer.neuron_updates for layer in lazy),
        }
    return found


def table(
    times: Times,
    operations: dict[str, dict[str, dict[str, float]]],
    front_end: FrontEnd,
) -> list[dict[str, Any]]:
    """Return a row for each model, library and input."""
    frame_us = front_end.hop_s * 1e6
    rows = []
    order = sorted(times, key=lambda key: (MODELS.index(key[0]), key[1], INPUTS.index(key[2])))
    for model, library, name in order:
        kept = times[model, library, name]
        mine = np.array(kept["frame"])
        in_scenes = np.array(times[model, library, "scenes"]["frame"])
        whole = np.array(kept["whole"])
        whole_scenes = np.array(times[model, library, "scenes"]["whole"])
        each, most = operations[model][name], operations[model]["scenes"]
        done = "dense" if library.endswith("dense") else "operations"
        row: dict[str, Any] = {
            "bench": "detection_speed",
            "workload": f"{model}, {name}",
            "model": model,
            "input": name,
            "library": library,
            "mode": "infer",
            "median_ms": float(np.median(mine)) / 1000,
            "low_ms": float(mine.min()) / 1000,
            "high_ms": float(mine.max()) / 1000,
            "real_time_factor": float(np.median(mine)) / frame_us,
            "kernel_us": float(np.median(whole)),
            "time_of_scenes": float(np.median(mine / in_scenes)),
            "kernel_time_of_scenes": float(np.median(whole / whole_scenes)),
            **each,
            "operations_of_scenes": each[done] / most[done],
        }
        if (twin := TWINS.get(model)) is not None and library.startswith("compiled"):
            others = [
                other
                for (name_of, way, given), other in times.items()
                if name_of == twin and given == name and way.startswith("compiled")
            ]
            best = min(others, key=lambda other: float(np.median(other["whole"])))
            row["kernel_time_of_twin"] = float(np.median(whole / np.array(best["whole"])))
        rows.append(row | {"machine": machine(), "versions": versions("torch", "numba")})
    return rows


def features_row(audio: Path, front_end: FrontEnd, rounds: int) -> dict[str, Any]:
    """Time the features of a stream, hop by hop."""
    _, samples, _ = next(iter(read_audio(audio)))
    hop, times = front_end.features.hop, []
    pieces = [samples[at : at + hop] for at in range(0, len(samples), hop)]

    def feed() -> None:
        stream = FrameStream(front_end)
        for piece in pieces:
            stream.feed(piece)

    for number in range(rounds + 1):
        if number:
            times.append(microseconds(feed, len(pieces)))
        else:
            feed()
    return {
        "bench": "detection_speed",
        "workload": "features of a stream",
        "library": "torch",
        "mode": "infer",
        "median_ms": float(np.median(times)) / 1000,
        "low_ms": min(times) / 1000,
        "high_ms": max(times) / 1000,
        "real_time_factor": float(np.median(times)) / (front_end.hop_s * 1e6),
        "machine": machine(),
        "versions": versions("torch"),
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    heads = ["model", "run", "input", "µs a frame", "real time", "kernel µs", "of scenes",
             "operations", "of scenes", "kernel, of twin"]  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|" + "---|" * 3 + "---:|" * (len(heads) - 3))
    for row in rows:
        micro, factor = f"{row['median_ms'] * 1000:.1f}", f"{row['real_time_factor']:.5f}"
        if "model" not in row:
            print(f"| {row['workload']} | {row['library']} | | {micro} | {factor} |" + " |" * 5)
            continue
        done = row["dense"] if row["library"].endswith("dense") else row["operations"]
        cells = [row["model"], row["library"], row["input"], micro, factor]
        cells += [f"{row['kernel_us']:.2f}", f"{row['kernel_time_of_scenes']:.2f}", f"{done:.0f}"]
        cells += [f"{row['operations_of_scenes']:.3f}"]
        cells += [f"{row['kernel_time_of_twin']:.2f}" if "kernel_time_of_twin" in row else ""]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    run(main)
