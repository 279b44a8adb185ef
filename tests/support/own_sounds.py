"""Recordings of one's own for the tests of training: tones and noise, with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from detectors import detector
from toy_clips import spec as classifier_spec

from spikesound.models import file
from spikesound.models.build import build
from spikesound.params import Params

RATE_HZ = 16000

SMALL = (
    *("-S", "networks.cnn.channels=[4, 8]", "-S", "networks.tcn.channels=[4, 4]"),
    *("-S", "networks.tcn.hidden=8", "-S", "networks.tcn.dilations=[1, 2]"),
    *(
        option
        for recipe in ("ann", "snn", "detector_ann", "detector_snn")
        for option in ("-S", f"recipes.{recipe}.epochs=2")
    ),
    *("-S", "tasks.classification.folds=['1']", "-S", "tasks.detection.folds=['1']"),
    *("-S", "evaluate.resamples=100", "-S", "evaluate.permutations=100"),
    *("-S", "latency.budget_s=0.5", "-S", "latency.clips=2", "-S", "latency.energy_s=0.2"),
    *("-S", "tasks.detection.background_clips=4", "-S", "tasks.detection.resamples=100"),
    *("-S", "robustness.sound.snr_db=[0.0]", "-S", "robustness.sound.reverberation_s=[]"),
    *("-S", "tasks.detection.decision={medians_s: [0.05], thresholds: [0.1, 0.5]}"),
)
"""Options of ``spikesound train`` for a run of little work."""


def tone(hz: float, seconds: float, seed: int = 0) -> np.ndarray:
    """Return a tone in a little noise."""
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hiss = 0.002 * np.random.default_rng(seed).normal(size=len(times_s))
    return 0.3 * np.sin(2 * np.pi * hz * times_s) + hiss


def write(path: Path, samples: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ)
    return path


def classes(folder: Path, count: int = 4) -> Path:
    """Write a folder with two classes, each of so many recordings of half a second."""
    for number in range(count):
        write(folder / "low tone" / f"{number}.wav", tone(300 + 20 * number, 0.5, number))
        write(folder / "high" / f"{number}.wav", tone(3000 + 100 * number, 0.5, number))
    return folder


def bursts(seconds: float, spans: list[tuple[float, float]], hz: float, seed: int) -> np.ndarray:
    """Return noise with tones from when to when."""
    samples = 0.01 * np.random.default_rng(seed).normal(size=round(seconds * RATE_HZ))
    for onset_s, offset_s in spans:
        first, last = round(onset_s * RATE_HZ), round(offset_s * RATE_HZ)
        samples[first:last] += tone(hz, (last - first) / RATE_HZ)[: last - first]
    return samples


def audacity(spans: list[tuple[float, float]], label: str) -> str:
    return "".join(f"{a:.6f}\t{b:.6f}\t{label}\n" for a, b in spans)


def raven(spans: list[tuple[float, float]], label: str) -> str:
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tAnnotation\n"
    views = ("Waveform 1", "Spectrogram 1")  # Raven writes a row for each
    return head + "".join(
        f"{number}\t{view}\t1\t{a:.3f}\t{b:.3f}\t{label}\n"
        for number, (a, b) in enumerate(spans, 1)
        for view in views
    )


def labelled(folder: Path, count: int = 4) -> Path:
    """Write recordings with label files beside them, Audacity's and Raven's; one is long."""
    for number in range(count):
        spans = [(0.5 + 0.1 * number, 1.2 + 0.1 * number), (2.0, 2.6)]
        seconds = 21.0 if number == 0 else 3.0
        name = f"take {number}"
        write(folder / f"{name}.wav", bursts(seconds, spans, 1500, number))
        if number % 2:
            (folder / f"{name}.Table.1.selections.txt").write_text(raven(spans, "beep"))
        else:
            (folder / f"{name}.txt").write_text(audacity(spans, "beep"))
    return folder


def base_file(folder: Path, params: Params, task: str) -> Path:
    """Write a spiking model with random weights, to start from."""
    if task == "detection":
        spec, network = detector("snn-tcn", bins=64)
    else:
        spec = classifier_spec(params, spiking=True)
        network = build(spec)
    file.save(folder / "base.safetensors", spec, network)
    return folder / "base.safetensors"
