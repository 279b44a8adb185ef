"""The anytime curve: how accurate a network is after some of its time steps, or of the sound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import numpy_generator
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.anytime_table import COLUMNS
from spikesound.evaluation.decision_time import Ints, stable_figures
from spikesound.evaluation.folds import Folds
from spikesound.inference.recurrent_stream import recurrent_layer, running_scores
from spikesound.models.layers import InSteps
from spikesound.params import EvaluateParams
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset

SECONDS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 60.0)
"""Durations of input; those within a clip's length are points of the curve, its whole the last."""


@dataclass(frozen=True)
class Anytime:
    """Scores of one network at each point of both axes.

    Attributes
    ----------
    curve : columns :data:`COLUMNS`, rows in the order of time, axis ``steps`` first
    stable : figures of :func:`spikesound.evaluation.decision_time.stable_figures`
    """

    curve: pd.DataFrame
    stable: dict[str, float]


def anytime(folds: Folds, *, frame_rate_hz: float, params: EvaluateParams, seed: int) -> Anytime:
    """Test each fold's network, on its held-out clips, before it has processed all.

    On the axis ``steps`` a network decides by the spikes of its first time steps
    (:class:`spikesound.models.layers.InSteps`). The read-out
    ``rate`` divides by the steps gone by, so that it is on the scale it was trained for; any other
    reads the output neurons as they are by then. A network that has a single step, or whose steps
    cannot be distinguished at its read-out, has the one point of all its steps.

    On the axis ``seconds`` a network gets only the frames up to then. A one-way recurrent network
    goes through the clip once, and answers as it goes. Any other is given the cut clip as if it
    were whole, and its answer is computed afresh at each point. It was trained on whole clips only:
    on a cut one its averages are over fewer frames, what would have come later cannot raise its
    maxima, and the padding of its convolutions stands where sound used to go on. So the curve shows
    how accurate this network is on less sound, and not how one trained for it would be.

    Parameters
    ----------
    folds : the networks, with the clips that were held out from their training
    frame_rate_hz : frames a second; frame i is centred at i / frame_rate_hz
    params : clips of a batch; resamples and confidence of the interval, by recording
    seed : the run's seed

    Raises
    ------
    SpikesoundError
        As :func:`spikesound.evaluation.folds.held_out` raises, or if folds differ in length.
    """
    parts: list[_Decided] = []
    model = folds.name
    for _, _, network, clips in folds:
        parts.append(_decide(network, clips, params.batch_clips, frame_rate_hz))
    for name in ("steps", "seconds"):
        if len({tuple(getattr(part, name)) for part in parts}) > 1:
            raise SpikesoundError(f"{model}: folds differ in their {name}; run dvc repro")
    groups = [group for part in parts for group in part.groups]
    targets = np.concatenate([part.targets for part in parts])
    curves: list[pd.DataFrame] = []
    stable: dict[str, float] = {}
    for axis, unit in (("steps", "steps"), ("seconds", "s")):
        at: list[float] = getattr(parts[0], axis)
        decided = np.concatenate([getattr(part, f"by_{axis}") for part in parts], axis=1)
        hits = targets[np.arange(len(targets)), decided] > 0
        low, high = hit_intervals(
            hits,
            groups,
            generator=numpy_generator(seed, "bootstrap"),
            resamples=params.resamples,
            confidence=params.confidence,
        )
        shares = (hits.mean(axis=1), low, high)
        columns = [[model] * len(at), [axis] * len(at), at, *(np.round(v, 4) for v in shares)]
        curves.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
        stable |= stable_figures(unit, at, decided, hits[-1])
    return Anytime(pd.concat(curves, ignore_index=True), stable)


@dataclass(frozen=True)
class _Decided:
    """A fold's points on both axes, and the class each of its clips is taken for (point, clip)."""

    steps: list[float]
    seconds: list[float]
    by_steps: Ints
    by_seconds: Ints
    groups: list[str]
    targets: NDArray[np.float32]


def _decide(network: nn.Module, clips: Dataset, batch_clips: int, frame_rate_hz: float) -> _Decided:
    least = int(getattr(network, "least_frames", 1))
    points = seconds_points(clips.inputs.shape[2], frame_rate_hz, least)
    by_steps, by_seconds = [], []
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            x = batched(clips.batch(rows), frames=False)
            steps, seconds = _both_axes(network, x, [frames for _, frames in points])
            by_steps.append(steps.argmax(-1).numpy())
            by_seconds.append(seconds.argmax(-1).numpy())
    steps_at = [float(t) for t in range(1, len(by_steps[0]) + 1)]
    if len(steps_at) == 1:
        steps_at = [float(_steps(network, clips))]
    return _Decided(
        steps_at,
        [seconds_heard for seconds_heard, _ in points],
        np.concatenate(by_steps, axis=1),
        np.concatenate(by_seconds, axis=1),
        clips.groups,
        clips.present,
    )


def _steps(network: nn.Module, clips: Dataset) -> int:
    return network.steps if isinstance(network, InSteps) else int(clips.inputs.shape[1])


def seconds_points(frames: int, frame_rate_hz: float, least: int = 1) -> list[tuple[float, int]]:
    """Return the points of the axis ``seconds``, each with the number of frames of input by then.

    A frame is part of the input at a time if its centre lies before it: half a window of what comes
    after the time may be in it. The last point has all frames; its time is one of :data:`SECONDS`
    if that is where the clip ends, else that of the last frame's centre.

    Parameters
    ----------
    frames : of the whole clip
    frame_rate_hz : frames a second
    least : frames without which the network has no answer; points with fewer are left out
    """
    points = [(s, math.ceil(s * frame_rate_hz - 1e-9)) for s in SECONDS]
    before = [(s, count) for s, count in points if least <= count < frames]
    ends = [s for s in SECONDS if frames - 1 < s * frame_rate_hz <= frames]
    return [*before, (ends[0] if ends else round((frames - 1) / frame_rate_hz, 2), frames)]


def _both_axes(
    network: nn.Module, x: torch.Tensor, frames: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores after each step, and after each number of frames (point, batch, class).

    The network processes the whole clip once. Its scores are the last ones on both axes.
    """
    layer = recurrent_layer(network)
    if layer is not None:
        with _output(layer) as outputs:
            whole = network(x)
        partial = running_scores(network, outputs[0][0])[[count - 1 for count in frames[:-1]]]
        return whole.unsqueeze(0), torch.cat([partial, whole.unsqueeze(0)])
    if isinstance(network, InSteps) and network.steps > 1:
        steps = network.scores_by_step(x)
        whole = steps[-1]
    else:
        whole = network(x)
        steps = whole.unsqueeze(0)
    cut = [network(x[:, :, :count]) for count in frames[:-1]]
    return steps, torch.stack([*cut, whole])


@contextmanager
def _output(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Collect the outputs of a module's calls within the context."""
    outputs: list[torch.Tensor] = []
    hook = module.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()
