"""Costs of one clip, or of one frame of a stream, on this machine: time, memory, energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikesound.core.progress import track
from spikesound.evaluation.cpu_energy import (
    LOOP_S,
    NOT_AVAILABLE,
    Counter,
    Unavailable,
    measure,
    open_counter,
)
from spikesound.evaluation.folds import Load
from spikesound.evaluation.machine import machine
from spikesound.evaluation.peak_memory import alone, model_peak_mb
from spikesound.evaluation.timed_calls import CALLS, Calls
from spikesound.evaluation.timing import TAILS, Times, interleaved, middle, ratio
from spikesound.inference.backends import BACKENDS
from spikesound.models import file
from spikesound.models.spec import Spec

BUDGET_S = 15.0
"""For the times of all models together; memory and energy come on top."""

Figures = dict[str, float | str | None]


@dataclass(frozen=True)
class Subject:
    """A model to be measured.

    Attributes
    ----------
    folder : of its trained network
    inputs : some of its test clips, float32 (clip, step, 1, frame, bin)
    features : of the same clips, float32 (clip, frame, bin) in [0, 1]
    twin : name of the conventional model that its time is set in relation to, maybe itself
    load : reads the folder; a function of a module
    """

    folder: Path
    inputs: NDArray[np.float32]
    features: NDArray[np.float32]
    twin: str | None = None
    load: Load = file.load


@dataclass(frozen=True)
class _Ready:
    """A loaded network's spec, its calls, and the length of its clips."""

    spec: Spec
    calls: Calls
    frames: int


def latency(
    subjects: Mapping[str, Subject],
    *,
    generator: np.random.Generator,
    seconds: float = BUDGET_S,
    energy_s: float = LOOP_S,
) -> dict[str, Figures | dict[str, str]]:
    """Measure all models of a task side by side, one clip at a time, with torch's own threads.

    Each is computed by all backends that there are for it, and the quickest of those that take the
    network's own decisions counts: so a conventional CNN, too, has its batch norms and its pooling
    folded away before it is compared with a spiking one. A classifier is compared by the time of a
    clip, a detector by that of a frame in a stream.

    Parameters
    ----------
    subjects : by the models' names
    generator : draws the order within each round
    seconds : for all rounds of times
    energy_s : of the loop that energy is counted over, for each model

    Returns
    -------
    dict
        For each model:

        - ``clip_ms`` (median over rounds), ``clip_ms_low``, ``clip_ms_high`` (5th and 95th
          percentile), and ``how``, the backend that it is the time of
          (:data:`spikesound.inference.backends.BACKENDS`);
        - ``frame_ms``, of a frame in a stream (None where the network does not stream), of a
          detector with ``frame_ms_low`` and ``frame_ms_high``;
        - ``<backend>_ms`` and, of detectors, ``<backend>_frame_ms``, medians of all backends;
        - ``encode_ms``, from features to spikes, not in clip_ms;
        - ``real_time_factor``, the time of a clip (encoding included) or frame over its length;
        - ``ratio_to_twin``, median over rounds; None without a twin;
        - ``peak_mb``, by :func:`spikesound.evaluation.peak_memory.model_peak_mb`;
        - ``cpu_energy_mj``, ``cpu_energy_raw_mj`` of a clip, or of a detector's frame, by
          :func:`spikesound.evaluation.cpu_energy.measure`, or "not available".

        Under ``machine`` texts on the machine, and why energy is not available.

    Raises
    ------
    SpikesoundError
        If a model cannot be read, or its process of its own ends without an answer.
    """
    about = machine()
    ready = {model: _prepare(subject) for model, subject in subjects.items()}
    calls = {
        f"{model} {what}": call
        for model, each in ready.items()
        for what, call in each.calls.named().items()
    }
    with torch.inference_mode():
        times = interleaved(calls, seconds=seconds, generator=generator)
    best = {model: _quickest(model, each.calls, times) for model, each in ready.items()}
    counter, reason = _counter()
    results: dict[str, Figures | dict[str, str]] = {}
    shown = track(subjects.items(), total=len(subjects), what="memory, energy", unit="model")
    for model, subject in shown:
        each, how = ready[model], best[model]
        figures = _times(model, each, how, times)
        name, call = each.calls.main(how)
        twin = subject.twin if subject.twin in ready else None
        figures["ratio_to_twin"] = twin and _short(
            ratio(times[f"{model} {name}"], _main_times(twin, ready, best, times))
        )
        figures["peak_mb"] = alone(
            model_peak_mb, subject.folder, subject.inputs[0], how, subject.load
        )
        with torch.inference_mode():
            parts = each.calls.stretch if each.calls.by_frame else 1
            energy, why = _energy(partial(call, 0), counter, energy_s, parts)
        reason = reason or why
        results[model] = figures | energy
    about["rounds"] = str(len(next(iter(times.values()))))
    about["interval"] = f"{TAILS[0]:.0%} to {TAILS[1]:.0%} of the rounds"
    about["cpu_energy"] = reason or "RAPL, all packages, above idle"
    results["machine"] = about
    return results


def _prepare(subject: Subject) -> _Ready:
    spec, network = subject.load(subject.folder)
    clips = [torch.from_numpy(clip) for clip in subject.inputs]
    features = [torch.from_numpy(clip) for clip in subject.features]
    return _Ready(spec, CALLS[spec.task](spec, network, clips, features), clips[0].shape[2])


def _quickest(model: str, calls: Calls, times: Mapping[str, Times]) -> str:
    return min(
        calls.clips, key=lambda how: float(np.median(times[f"{model} {calls.main(how)[0]}"]))
    )


def _main_times(
    model: str,
    ready: Mapping[str, _Ready],
    best: Mapping[str, str],
    times: Mapping[str, Times],
) -> Times:
    return times[f"{model} {ready[model].calls.main(best[model])[0]}"]


def _times(model: str, ready: _Ready, how: str, times: Mapping[str, Times]) -> Figures:
    calls, hop_s = ready.calls, ready.spec.sound.hop_s
    clip_ms, low_ms, high_ms = middle(times[f"{model} {how} clip"])
    figures: Figures = {
        "clip_ms": _short(clip_ms),
        "clip_ms_low": _short(low_ms),
        "clip_ms_high": _short(high_ms),
        "how": how,
        "frame_ms": None,
    }
    encode_ms = middle(times[f"{model} encode"])[0] if calls.encode else 0.0
    real_time = (clip_ms + encode_ms) / (1000 * ready.frames * hop_s)
    if how in calls.frames:
        frame_ms, *bounds = (each / calls.stretch for each in middle(times[f"{model} {how} frame"]))
        figures["frame_ms"] = _short(frame_ms)
        if calls.by_frame:
            figures["frame_ms_low"], figures["frame_ms_high"] = map(_short, bounds)
            real_time = frame_ms / (1000 * hop_s)
    figures["real_time_factor"] = _short(real_time)
    for backend in BACKENDS:
        if backend in calls.clips:
            figures[f"{backend}_ms"] = _short(middle(times[f"{model} {backend} clip"])[0])
        if calls.by_frame and backend in calls.frames:
            stretch_ms = middle(times[f"{model} {backend} frame"])[0]
            figures[f"{backend}_frame_ms"] = _short(stretch_ms / calls.stretch)
    if calls.encode:
        figures["encode_ms"] = _short(encode_ms)
    return figures


def _counter() -> tuple[Counter | None, str]:
    try:
        return open_counter(), ""
    except Unavailable as reason:
        print(f"CPU energy {NOT_AVAILABLE}: {reason}")
        return None, f"{NOT_AVAILABLE}: {reason}"


def _energy(
    call: Callable[[], object], counter: Counter | None, seconds: float, parts: int
) -> tuple[dict[str, Any], str]:
    """Return the energy of one of several equal parts of a call, and why there is none."""
    reason = ""
    if counter is not None:
        try:
            energy = measure(call, counter, seconds=seconds)
        except Unavailable as error:
            reason = f"{NOT_AVAILABLE}: {error}"
        else:
            return {
                "cpu_energy_mj": _short(energy.net_mj / parts),
                "cpu_energy_raw_mj": _short(energy.raw_mj / parts),
            }, ""
    return {"cpu_energy_mj": NOT_AVAILABLE, "cpu_energy_raw_mj": NOT_AVAILABLE}, reason


def _short(value: float) -> float:
    """Round to three digits: more would only change from run to run."""
    return float(f"{value:.3g}")
