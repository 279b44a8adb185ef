"""Log-mel of real recordings: our batches against librosa called clip by clip.

    python benchmarks/features.py [FOLDER OF RECORDINGS] [--rounds 7] [--clips 400] [--out FILE]

Two rows per number of threads: the log-mel alone, on waves already at the features' rate, and the
whole way from FLAC bytes to float16. The libraries take turns within a round; each figure is the
median, lowest and highest round. Parameters are those of params.yaml.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from spikesound.audio.flac import from_flac, to_flac
from spikesound.audio.resampling import fit_length, resample
from spikesound.evaluation.peak_memory import peak_mb
from spikesound.features import clip_samples, compute, stored
from spikesound.params import FeatureParams, Params

ROOT = Path(__file__).resolve().parents[1]
PAUSE_S = 0.2  # threads of the library before go on spinning for some time
SUFFIXES = (".ogg", ".wav", ".flac", ".mp3")

Run = Callable[[], np.ndarray]


def recordings(folder: Path, count: int) -> list[bytes]:
    """Read the first recordings of a folder as FLAC streams, as the download stage makes them."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)[:count]
    if not paths:
        raise SystemExit(f"{folder}: no recordings ({', '.join(SUFFIXES)})")
    flacs = []
    for path in paths:
        samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        flacs.append(to_flac(samples[:, 0], rate_hz))
    return flacs


def waves_of(flacs: list[bytes], params: FeatureParams) -> Iterator[np.ndarray]:
    for flac in flacs:
        samples, rate_hz = from_flac(flac)
        yield fit_length(resample(samples, rate_hz, params.rate_hz), clip_samples(params))


def batches(waves: Iterator[np.ndarray], size: int) -> Iterator[torch.Tensor]:
    held = []
    for wave in waves:
        held.append(wave)
        if len(held) == size:
            yield torch.from_numpy(np.stack(held))
            held = []
    if held:
        yield torch.from_numpy(np.stack(held))


def librosa_levels(waves: np.ndarray, p: FeatureParams) -> np.ndarray:
    """Log-mel by librosa of one wave ``(sample,)``, or of several ``(clip, sample)``."""
    power = librosa.feature.melspectrogram(
        y=waves,
        sr=p.rate_hz,
        n_fft=p.window,
        hop_length=p.hop,
        pad_mode="constant",
        n_mels=p.mels,
        fmin=p.low_hz,
        fmax=p.high_hz,
    )
    levels: np.ndarray = librosa.power_to_db(power, top_db=None)
    return levels.swapaxes(-1, -2)


def log_mel_runs(waves: np.ndarray, p: FeatureParams) -> dict[str, Run]:
    parts = [waves[start : start + p.batch_clips] for start in range(0, len(waves), p.batch_clips)]
    return {
        "librosa, clip by clip": lambda: np.stack([librosa_levels(wave, p) for wave in waves]),
        "librosa, in batches": lambda: np.concatenate([librosa_levels(part, p) for part in parts]),
        "spikesound": lambda: np.concatenate(
            [compute(torch.from_numpy(part), p).numpy() for part in parts]
        ),
    }


def whole_way_runs(flacs: list[bytes], p: FeatureParams) -> dict[str, Run]:
    def theirs(flac: bytes) -> np.ndarray:
        wave, _ = librosa.load(io.BytesIO(flac), sr=p.rate_hz)  # resampled by soxr HQ, as ours
        fitted = librosa.util.fix_length(wave, size=clip_samples(p))
        return librosa_levels(fitted, p).astype(np.float16)

    return {
        "librosa, clip by clip": lambda: np.stack([theirs(flac) for flac in flacs]),
        "spikesound": lambda: np.concatenate(
            [stored(compute(batch, p)) for batch in batches(waves_of(flacs, p), p.batch_clips)]
        ),
    }


def measure(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """Time each run once per round, in ms; the order turns, so that none is always first."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            runs[name]()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def machine() -> str:
    """Name the processor and count its cores."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores"


def rows_of(
    workload: str, runs: dict[str, Run], rounds: int, clips: int, common: dict[str, object]
) -> Iterator[dict[str, object]]:
    """Measure the runs, print them as rows of the table, and yield them as results."""
    for run in runs.values():
        run()  # what is loaded and cached once is not counted
    peaks = {name: peak_mb(run) for name, run in runs.items()}
    times = measure(runs, rounds)
    base = statistics.median(times["librosa, clip by clip"])
    for name, values in times.items():
        median = statistics.median(values)
        print(
            f"| {workload} | {name} | {median:.0f} | {min(values):.0f}-{max(values):.0f} "
            f"| {1000 * clips / median:.0f} | {base / median:.2f} |"
        )
        yield {
            "bench": "features",
            "workload": workload,
            "library": name,
            "mode": "infer",
            "median_ms": round(median, 2),
            "low_ms": round(min(values), 2),
            "high_ms": round(max(values), 2),
            "peak_mb": peaks[name],
            **common,
        }


def difference(runs: dict[str, Run]) -> str:
    theirs = runs["librosa, clip by clip"]()
    apart = np.abs(runs["spikesound"]() - theirs)
    heard = theirs > theirs.max(axis=(1, 2), keepdims=True) - 80
    return (
        f"Largest difference of the log-mel: {apart.max():.4f} dB; "
        f"within 80 dB of a clip's loudest value {apart[heard].max():.6f} dB."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "esc10" / "audio")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/features.json")
    options = parser.parse_args()

    section = Params.load(ROOT / "params.yaml").features
    params = section.model_copy(update={"kinds": ["mel"], "clip_s": 5.0})
    flacs = recordings(options.folder, options.clips)
    waves = np.stack(list(waves_of(flacs, params)))
    packages = ("torch", "librosa", "numpy", "soxr", "soundfile")
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    common: dict[str, object] = {"machine": machine(), "versions": versions}

    print(f"{len(flacs)} clips of {params.clip_s:g} s, {options.rounds} rounds, {machine()}\n")
    print("| workload | library | median ms | lowest-highest | clips/s | times librosa's |")
    print("|---|---|---|---|---|---|")
    results: list[dict[str, object]] = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            for what, runs in (
                ("log-mel", log_mel_runs(waves, params)),
                ("FLAC to float16 log-mel", whole_way_runs(flacs, params)),
            ):
                workload = f"{what}, {len(flacs)} clips, {threads} thread{'s' * (threads > 1)}"
                results += rows_of(workload, runs, options.rounds, len(flacs), common)
    print(f"\n{difference(log_mel_runs(waves, params))}")
    print(
        "On the whole way both decode by libsndfile and resample by soxr HQ; only log-mel differs."
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
