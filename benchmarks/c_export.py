"""Models exported to C beside Python: sizes, distance of the scores, decisions, time.

    python benchmarks/c_export.py --model FILE [FILE ...] [--recordings 20] [--out FILE]

ESC-10's recordings, as 16-bit samples, go through the check program (``gcc -O2``) and through the
float front end and network. Decisions are compared frame by frame and class by class (detectors: at
or above the thresholds, without the median filter), or by clip (classifiers: the most probable
class). Recordings of the training folds are among them: this shows distance, not accuracy. Times
are of one core, samples to scores, C and Python in turn, medians of the rounds; instructions a
frame or clip are counted by callgrind on the first recording. A table, and
benchmarks/results/c_export.json.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine, versions

from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError, run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.inference.streaming.stream import Stream
from spikesound.models.export import export
from spikesound.models.export.c.module import FLAGS
from spikesound.models.export.c.text import identifier
from spikesound.models.loading import TrainedModel, load

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/c_export.json"
ROUNDS = 5
FULL = 32768


def measured(model: TrainedModel, count: int, folder: Path) -> dict[str, Any]:
    """Return the figures of one model on so many recordings."""
    program, header = built(model, folder)
    files = sorted((ROOT / "data/esc10/audio").glob("*.ogg"))
    sounds = [samples_of(file, model) for file in files[:: max(1, len(files) // count)][:count]]
    differences, other, decisions, operations = [], 0, 0, []
    for samples in track(sounds, total=len(sounds), what=model.name, unit="recording"):
        rows = scores_in_c(program, samples)
        classes = len(model.labels)
        in_c, in_float = rows[:, 1 : 1 + classes] / FULL, scores_in_float(model, samples)
        assert in_c.shape == in_float.shape
        differences.append(np.abs(in_c - in_float))
        operations.extend(rows[:, 0])
        differ = decided(model, in_c) != decided(model, in_float)
        other, decisions = other + int(differ.sum()), decisions + differ.size
    every = np.concatenate(differences)
    return {
        **sizes(header, program),
        "operations": round(float(np.mean(operations))),
        "difference": float(f"{every.mean():.2g}"),
        "difference_at_most": float(f"{every.max():.2g}"),
        "decisions": decisions,
        "decisions_that_differ": other,
        "instructions": instructions(program, model, sounds[0]),
        **times(program, model, sounds[0]),
    }


def built(model: TrainedModel, folder: Path) -> tuple[Path, str]:
    """Return the check program of an exported model, and the header's text."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise SpikesoundError("no gcc found")
    export(model, "c", folder / "c")
    prefix = identifier(model.name)
    files = [str(folder / "c" / f"{prefix}{end}") for end in (".c", "_check.c")]
    program = folder / "check"
    subprocess.run([compiler, *FLAGS, "-o", str(program), *files], check=True)
    return program, (folder / "c" / f"{prefix}.h").read_text(encoding="utf-8")


def samples_of(file: Path, model: TrainedModel) -> np.ndarray:
    """Return a recording at the model's rate, 16 bits; for a classifier of the clips' length."""
    sound = np.concatenate(list(blocks(file, model.front_end.rate_hz)))
    if not model.detects:
        assert model.clip_s is not None
        length = round(model.clip_s * model.front_end.rate_hz)
        sound = np.pad(sound[:length], (0, max(0, length - len(sound))))
    return np.clip(np.rint(sound * FULL), -FULL, FULL - 1).astype(np.int16)


def scores_in_c(program: Path, samples: np.ndarray) -> np.ndarray:
    """Return operations and scores, a row per frame or clip."""
    done = subprocess.run([program, "-"], input=samples.tobytes(), capture_output=True, check=True)
    return np.array([line.split() for line in done.stdout.splitlines()]).astype(np.int64)


def scores_in_float(model: TrainedModel, samples: np.ndarray) -> np.ndarray:
    """Return probabilities (frame or 1, class) of the float front end and network."""
    features = model.front_end.whole((samples / FULL).astype(np.float32))
    if not model.detects:
        return model.probabilities(features)[None]
    network: torch.nn.Module = model.network
    with torch.inference_mode():
        logits = network(torch.from_numpy(features)[:, None]).logits[:, 0]
    return torch.sigmoid(logits).numpy()


def decided(model: TrainedModel, scores: np.ndarray) -> np.ndarray:
    """Return the decisions: active classes of each frame, or each clip's class."""
    decision = model.spec.decision
    return scores.argmax(1) if decision is None else scores >= np.array(decision.thresholds)


def sizes(header: str, program: Path) -> dict[str, int]:
    """Return the header's flash, and the check program's size of the state."""
    (flash,) = re.findall(r"^ \* total +([\d,]+)", header, re.M)
    output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {
        "flash_bytes": int(flash.replace(",", "")),
        "ram_bytes": int(output.split("state: ")[1].split()[0]),
    }


def instructions(program: Path, model: TrainedModel, samples: np.ndarray) -> int:
    """Return the instructions of a frame, or of a clip: those inside ``feed`` and ``finish``."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SpikesoundError("no valgrind found")
    inside = [f"--toggle-collect={identifier(model.name)}_{name}" for name in ("feed", "finish")]
    command = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *inside]
    done = subprocess.run(
        [*command, program, "-"], input=samples.tobytes(), capture_output=True, check=True
    )
    (counted,) = re.findall(rb"Collected : (\d+)", done.stderr)
    return round(int(counted) / len(done.stdout.splitlines()))


def times(program: Path, model: TrainedModel, samples: np.ndarray) -> dict[str, float]:
    """Return microseconds a frame or clip in C and in Python, and the median of their ratios."""
    torch.set_num_threads(1)
    in_c, in_python = [], []
    for _ in range(ROUNDS + 1):
        output = subprocess.run([program, "time", "1"], capture_output=True, text=True, check=True)
        in_c.append(float(output.stdout.split()[0]))
        in_python.append(python_us(model, samples))
    ratios = [b / a for a, b in zip(in_c[1:], in_python[1:], strict=True)]  # the first warms up
    return {
        "c_us": round(float(np.median(in_c[1:])), 1),
        "python_us": round(float(np.median(in_python[1:])), 1),
        "python_over_c": round(float(np.median(ratios)), 2),
    }


def python_us(model: TrainedModel, samples: np.ndarray) -> float:
    """Return the microseconds that Python takes for a frame, or for a clip."""
    wave = (samples / FULL).astype(np.float32)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 1:
        if model.detects:
            stream = Stream(model.spec, model.network)  # type: ignore[arg-type]
            count += len(stream.feed(wave)) + len(stream.finish())
        else:
            model.probabilities(model.front_end.whole(wave))
            count += 1
    return 1e6 * (time.perf_counter() - started) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, nargs="+", required=True)
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for path in options.model:
        model = load(path)
        with tempfile.TemporaryDirectory() as folder:
            figures[model.name] = measured(model, options.recordings, Path(folder))
    names = list(figures)
    print(f"{'':<24}" + "".join(f"{name:>20}" for name in names))
    for row in figures[names[0]]:
        print(f"{row:<24}" + "".join(f"{figures[name][row]:>20,}" for name in names))
    write_json(
        options.out,
        {
            "machine": machine(),
            "versions": versions("numpy", "torch"),
            "recordings": options.recordings,
            "models": figures,
        },
    )
    print(f"written: {options.out}")


if __name__ == "__main__":
    run(main)
