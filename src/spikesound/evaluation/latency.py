"""What one clip costs on this machine: time, memory and, where it is counted, energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

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
from spikesound.evaluation.timing import TAILS, Times, interleaved, middle, ratio
from spikesound.inference.backends import BACKENDS, Score, equal_backends
from spikesound.inference.recurrent_stream import RecurrentStream, recurrent_layer
from spikesound.models import classifier_spec

REFERENCE = "ann-cnn"
BUDGET_S = 15.0
"""For the times of all models together; memory and energy come on top."""

Figures = dict[str, float | str | None]


@dataclass(frozen=True)
class Subject:
    """A model to be measured.

    Attributes
    ----------
    folder : of its trained network
    inputs : some of its test clips, one batch each, float32 (clip, time, 1, frame, bin)
    encode : makes the spikes of the clip of that number from its features; None: it takes these
    load : reads the folder; a function of a module
    """

    folder: Path
    inputs: NDArray[np.float32]
    encode: Callable[[int], object] | None = None
    load: Load = classifier_spec.load


def latency(
    subjects: Mapping[str, Subject],
    *,
    generator: np.random.Generator,
    seconds: float = BUDGET_S,
    energy_s: float = LOOP_S,
) -> dict[str, Figures | dict[str, str]]:
    """Measure all models side by side, one clip at a time, with torch's own number of threads.

    Each is computed by all backends that there are for it, and the quickest of those that take the
    network's own decisions on all of the clips counts: so a conventional CNN, too, has its batch
    norms and its pooling folded away before it is set against a spiking one.

    Parameters
    ----------
    subjects : by the models' names
    generator : draws the order within each round
    seconds : for all rounds of times
    energy_s : of the loop that energy is counted over, for each model

    Returns
    -------
    dict
        For each model: ``clip_ms`` (median over rounds), ``clip_ms_low``, ``clip_ms_high`` (5th and
        95th percentile), ``how``, the backend that it is the time of
        (:data:`spikesound.inference.backends.BACKENDS`);
        ``dense_ms``, ``compiled_ms``, ``event_driven_ms`` (medians of the backends there are);
        ``frame_ms`` (of a clip's frames one by one, their mean; None where the network does
        not stream); ``encode_ms`` (of a spiking model: from features to spikes, not in clip_ms);
        ``ratio_to_ann_cnn`` (median over rounds; None without that model); ``peak_mb``, by
        :func:`spikesound.evaluation.peak_memory.model_peak_mb`; ``cpu_energy_mj``,
        ``cpu_energy_raw_mj``, by :func:`spikesound.evaluation.cpu_energy.measure`, or "not
        available". Under ``machine`` texts on the machine, and why energy is not available.

    Raises
    ------
    SpikesoundError
        If a model cannot be read, or its process of its own ends without an answer.
    """
    about = machine()
    ready = {model: _prepare(subject) for model, subject in subjects.items()}
    calls = {
        f"{model} {what}": call for model in ready for what, call in _calls(ready[model]).items()
    }
    with torch.inference_mode():
        times = interleaved(calls, seconds=seconds, generator=generator)
    best = {
        model: min(ready[model].backends, key=lambda how: float(np.median(times[f"{model} {how}"])))
        for model in ready
    }
    reference = times[f"{REFERENCE} {best[REFERENCE]}"] if REFERENCE in best else None
    counter, reason = _counter()
    found: dict[str, Figures | dict[str, str]] = {}
    shown = track(subjects.items(), total=len(subjects), what="memory, energy", unit="model")
    for model, subject in shown:
        how, frames = best[model], subject.inputs.shape[3]
        figures = _times(model, how, frames, times, reference)
        figures["peak_mb"] = alone(
            model_peak_mb, subject.folder, subject.inputs[0], how, subject.load
        )
        with torch.inference_mode():
            energy, why = _energy(partial(calls[f"{model} {how}"], 0), counter, energy_s)
        reason = reason or why
        found[model] = figures | energy
    about["rounds"] = str(len(next(iter(times.values()))))
    about["interval"] = f"{TAILS[0]:.0%} to {TAILS[1]:.0%} of the rounds"
    about["cpu_energy"] = reason or "RAPL, all packages, above idle"
    found["machine"] = about
    return found


@dataclass(frozen=True)
class _Ready:
    """A loaded network, its backends, and its inputs."""

    network: nn.Module
    backends: dict[str, Score]
    clips: list[torch.Tensor]
    encode: Callable[[int], object] | None


def _prepare(subject: Subject) -> _Ready:
    _, network = subject.load(subject.folder)
    clips = [torch.from_numpy(clip) for clip in subject.inputs]
    return _Ready(network, equal_backends(network, clips), clips, subject.encode)


def _calls(ready: _Ready) -> dict[str, Callable[[int], object]]:
    """Return what is timed of a model, by name: backends, the stream of a clip, encoding."""
    clips, encode = ready.clips, ready.encode

    def scored(score: Score, number: int) -> None:
        score(clips[number % len(clips)])

    def streamed(number: int) -> None:
        stream = RecurrentStream(ready.network)
        for frame in clips[number % len(clips)][0].unbind(1):
            stream.step(frame)

    calls: dict[str, Callable[[int], object]] = {
        how: partial(scored, score) for how, score in ready.backends.items()
    }
    if recurrent_layer(ready.network) is not None:
        calls["stream"] = streamed
    if encode is not None:
        calls["encode"] = lambda number: encode(number % len(clips))
    return calls


def _times(
    model: str, how: str, frames: int, times: Mapping[str, Times], reference: Times | None
) -> Figures:
    own = times[f"{model} {how}"]

    def median_ms(what: str) -> float:
        return middle(times[f"{model} {what}"])[0]

    clip_ms, low_ms, high_ms = middle(own)
    streams = f"{model} stream" in times
    figures: Figures = {
        "clip_ms": _short(clip_ms),
        "clip_ms_low": _short(low_ms),
        "clip_ms_high": _short(high_ms),
        "how": how,
        "frame_ms": _short(median_ms("stream") / frames) if streams else None,
        "ratio_to_ann_cnn": None if reference is None else _short(ratio(own, reference)),
    }
    for backend in BACKENDS:
        if f"{model} {backend}" in times:
            figures[f"{backend}_ms"] = _short(median_ms(backend))
    if f"{model} encode" in times:
        figures["encode_ms"] = _short(median_ms("encode"))
    return figures


def _counter() -> tuple[Counter | None, str]:
    try:
        return open_counter(), ""
    except Unavailable as reason:
        print(f"CPU energy {NOT_AVAILABLE}: {reason}")
        return None, f"{NOT_AVAILABLE}: {reason}"


def _energy(
    call: Callable[[], object], counter: Counter | None, seconds: float
) -> tuple[dict[str, Any], str]:
    reason = ""
    if counter is not None:
        try:
            energy = measure(call, counter, seconds=seconds)
        except Unavailable as error:
            reason = f"{NOT_AVAILABLE}: {error}"
        else:
            return {
                "cpu_energy_mj": _short(energy.net_mj),
                "cpu_energy_raw_mj": _short(energy.raw_mj),
            }, ""
    return {"cpu_energy_mj": NOT_AVAILABLE, "cpu_energy_raw_mj": NOT_AVAILABLE}, reason


def _short(value: float) -> float:
    """Round to three digits: more would only change from run to run."""
    return float(f"{value:.3g}")
