"""Scores and decisions on sounds, of a model and of its export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from spikesound.features import clip_samples
from spikesound.features.front_end import FrontEnd
from spikesound.models.export.c.check_sound import check_sound
from spikesound.models.export.exported import Exported, largest_difference
from spikesound.models.export.step import Step
from spikesound.models.loading import Floats, TrainedModel

FRAMES, CLIPS = 64, 2
"""Of the check sound, for a detector and for a classifier."""


def check_sounds(model: TrainedModel) -> list[Floats]:
    """Return a sound to compare on where no recordings are given: noise, sawtooth and silence."""
    hop = model.front_end.features.hop
    length = FRAMES * hop if model.detects else CLIPS * clip_length(model)
    sound = (check_sound(length) / 32768).astype(np.float32)
    sound[len(sound) // 4 : len(sound) // 3] = 0
    return [sound]


def model_scores(model: TrainedModel, sounds: Sequence[Floats]) -> Floats:
    """Return the probabilities (row, class) that the model itself gives.

    A row is a frame of a detector, before its median filter, and a clip of a classifier.
    """
    rows = []
    with torch.inference_mode():
        for sound in sounds:
            if model.detects:
                frames = torch.from_numpy(model.front_end.whole(sound))[:, None]
                rows.append(model.network(frames).logits[:, 0].sigmoid().numpy())
            else:
                clips = clips_of(sound, clip_length(model))
                features = map(model.front_end.whole, clips)
                rows.append(np.stack([model.probabilities(each) for each in features]))
    return np.concatenate(rows)


def function_scores(
    model: TrainedModel, function: Callable[..., object], sounds: Sequence[Floats]
) -> Floats:
    """Return what :func:`model_scores` does, by a function of samples.

    Parameters
    ----------
    function : of :func:`spikesound.models.export.waveform.sound_inputs_of`, or its export
    """
    rows: list[torch.Tensor] = []
    with torch.inference_mode():
        for sound in sounds:
            states = Step(model.network).states if model.detects else []
            if model.detects:
                parts = list(windows_of(sound, model.front_end))
            else:
                parts = clips_of(sound, clip_length(model))
            for part in parts:
                found = function(torch.from_numpy(part.copy())[None], *states)
                found = found if isinstance(found, tuple | list) else (found,)
                rows.append(found[0].reshape(1, -1))
                states = list(found[1:])
    scores: Floats = torch.cat(rows).numpy()
    return scores


def compared_scores(
    model: TrainedModel, out: Path, expected: Floats, found: Floats, tolerance: float
) -> Exported:
    """Compare the probabilities of a model and of its export, and the decisions by them."""
    one, other = decisions(model, expected), decisions(model, found)
    difference = largest_difference(torch.from_numpy(expected), torch.from_numpy(found))
    return Exported(
        out,
        difference,
        expected.size,
        decided=len(one),
        changed=int((one != other).sum()),
        tolerance=tolerance,
    )


def decisions(model: TrainedModel, scores: Floats) -> npt.NDArray[np.int64]:
    """Return what the scores decide, flat.

    For each frame and class of a detector, and each clip and class of a classifier of multiple
    labels, whether it is active; of a classifier of single labels the class of each clip.
    """
    if not model.detects and model.spec.labels == "single":
        best: npt.NDArray[np.int64] = scores.argmax(1)
        return best
    rule = model.spec.decision
    thresholds = np.full(scores.shape[1], 0.5) if rule is None else np.array(rule.thresholds)
    active: npt.NDArray[np.int64] = (scores >= thresholds).astype(np.int64).ravel()
    return active


def clip_length(model: TrainedModel) -> int:
    """Return the samples of a classifier's clip; 1 s if it takes any length."""
    features = model.front_end.features
    return features.rate_hz if features.clip_s is None else clip_samples(features)


def clips_of(sound: Floats, length: int) -> list[Floats]:
    """Return a sound cut into clips of a length, the last one padded with zeros.

    A rest of less than a hundredth of a clip is left out.
    """
    count = max(1, -(-(len(sound) - length // 100) // length))
    padded = np.pad(sound, (0, length))[: count * length]
    return list(padded.reshape(count, length))


def windows_of(sound: Floats, front_end: FrontEnd) -> Floats:
    """Return the samples of each frame (frame, sample), with zeros beyond the ends of the sound."""
    window, hop = front_end.features.window, front_end.features.hop
    padded = np.pad(sound, window // 2)
    windows: Floats = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    return windows
