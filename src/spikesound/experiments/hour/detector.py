"""A detector on minutes of sound, all of the time or where a gate is open; and its 8-bit copy."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.costs.by_frame import FrameCounts
from spikesound.costs.counting import Counted, counting
from spikesound.experiments.hour.gates import Open, spans
from spikesound.models.layers import hidden
from spikesound.models.loading import TrainedModel
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.snn.quantisation.weights import quantise_weights

Frames = npt.NDArray[np.float32]

CALIBRATION = 0.999
"""Quantile of a layer's outputs that is the largest value of the rounded ones."""

BATCH = 20
"""Minutes run at once."""


@dataclass(frozen=True)
class Detector:
    """A trained detector, and the bits that its figures of energy go by.

    Attributes
    ----------
    weight_bits, activation_bits : of a rounded network; None: it has floats
    """

    trained: TrainedModel
    weight_bits: int | None = None
    activation_bits: int | None = None

    @property
    def spiking(self) -> bool:
        """Whether it spikes."""
        return self.trained.spec.spiking


def quantised(
    trained: TrainedModel, calibration: Frames, *, weight_bits: int, activation_bits: int
) -> Detector:
    """Return a copy whose weights and ReLU outputs are rounded after training.

    Weights have a scale for each output channel; outputs go from 0 to a quantile of those on the
    calibration frames. Spikes, sums and the read-out's potentials stay as they are.

    Parameters
    ----------
    calibration : features (clip, frame, bin) of validation
    """
    network = copy.deepcopy(trained.network).eval()
    found: dict[str, list[torch.Tensor]] = {}
    rectified = [layer for layer in hidden(network) if isinstance(layer.neuron, nn.ReLU)]
    hooks = []
    for layer in rectified:
        assert layer.neuron is not None

        def keep(
            module: nn.Module, inputs: Any, output: torch.Tensor, name: str = layer.name
        ) -> None:
            found.setdefault(name, []).append(output.flatten()[::7])  # a seventh tells enough

        hooks.append(layer.neuron.register_forward_hook(keep))
    quantise_weights(network, weight_bits)
    with torch.inference_mode():
        for start in range(0, len(calibration), BATCH):
            network(_batch(calibration[start : start + BATCH]))
    for hook in hooks:
        hook.remove()
    for layer in rectified:
        values = torch.cat(found[layer.name]).numpy()
        largest = max(float(np.quantile(values, CALIBRATION)), 1e-6)
        layer.module.neuron = QCFS(2**activation_bits - 1, largest).eval()
    return Detector(replace(trained, network=network), weight_bits, activation_bits)


def run_all(
    detector: Detector, minutes: Frames, *, count: bool
) -> tuple[Frames, list[FrameCounts]]:
    """Return probabilities (minute, frame, class) of all frames, and what they cost.

    Parameters
    ----------
    minutes : features (minute, frame, bin) in [0, 1]
    count : whether to count operations; without it there are no counts
    """
    scores, counted = [], []
    for start in range(0, len(minutes), BATCH):
        found, counts = _run(detector, minutes[start : start + BATCH], count)
        scores.append(found)
        counted.append([_in_line(each) for each in counts])
    return np.concatenate(scores), joined(counted)


def run_gated(
    detector: Detector, minutes: Frames, gates: Sequence[Open], *, count: bool
) -> tuple[Frames, list[FrameCounts]]:
    """Do as :func:`run_all` where the gates of the minutes are open; else probabilities are zero.

    The detector starts at rest each time.
    """
    classes = len(detector.trained.spec.classes)
    scores = np.zeros((*minutes.shape[:2], classes), np.float32)
    counted = []
    for minute, gate in enumerate(gates):
        for first, end in spans(gate.runs):
            found, counts = _run(detector, minutes[minute : minute + 1, first:end], count)
            scores[minute, first:end] = found[0]
            counted.append([_in_line(each) for each in counts])
        scores[minute][~gate.counts] = 0.0
    return scores, joined(counted)


def joined(parts: Sequence[Sequence[FrameCounts]]) -> list[FrameCounts]:
    """Return the counts of several stretches as those of one, frame after frame."""
    parts = [part for part in parts if part]
    if not parts:
        return []
    return [
        FrameCounts(
            layer[0].size,
            *(np.concatenate([getattr(each, name) for each in layer]) for name in _ARRAYS),
        )
        for layer in zip(*parts, strict=True)
    ]


_ARRAYS = [field.name for field in fields(FrameCounts) if field.name != "size"]


def _in_line(counts: FrameCounts) -> FrameCounts:
    """Return counts (frame, clip) as (frame, 1), one clip behind the other."""
    arrays = (getattr(counts, name).T.reshape(-1, 1) for name in _ARRAYS)
    return FrameCounts(counts.size, *arrays)


def _run(detector: Detector, minutes: Frames, count: bool) -> tuple[Frames, list[FrameCounts]]:
    network, spec = detector.trained.network, detector.trained.spec
    with torch.inference_mode():
        if not count:
            return _scores(network(_batch(minutes))), []
        counted = Counted()
        with counting(network, spec, counted):
            output = network(_batch(minutes))
        return _scores(output), counted.frames


def _batch(minutes: Frames) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(minutes.swapaxes(0, 1), np.float32))


def _scores(output: Any) -> Frames:
    found: Frames = torch.sigmoid(output.logits).transpose(0, 1).numpy()
    return found
