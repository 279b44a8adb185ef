"""Training of a detector: on scenes, and in each batch on a scene of digital silence."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive, numpy_generator
from spikesound.models.detector_spec import DetectorSpec, build
from spikesound.models.networks.detector import Detector
from spikesound.params import AugmentParams, DetectionTrainParams, LabelKind
from spikesound.snn.decoding import activity_penalty, recorded_spikes
from spikesound.tasks.detection.objective import detection_loss
from spikesound.tasks.detection.pooling import pooled
from spikesound.training import checkpoint
from spikesound.training.augment import augment
from spikesound.training.detection_data import Rows, Scenes

Epoch = dict[str, float]
"""epoch (from 1), train_loss, validation_loss, spike_rate (validation; 0 of ReLU), seconds"""


@dataclass(frozen=True)
class DetectionTask:
    """A detector to train.

    Attributes
    ----------
    spec : what is trained, and on which labels
    training, validation : never of the test fold
    resume : checkpoint, written after each epoch
    report : called with each epoch, those before a resume included
    """

    spec: DetectorSpec
    training: Scenes
    validation: Scenes
    params: DetectionTrainParams
    resume: Path
    report: Callable[[Epoch], None] = lambda epoch: None


@dataclass(frozen=True)
class TrainedDetector:
    """A network with the weights of the best epoch, and what every epoch gave."""

    network: Detector
    history: list[Epoch]
    best_epoch: int


def train_detector(task: DetectionTask) -> TrainedDetector:
    """Train by gradient descent through time, with early stopping.

    AdamW under a one-cycle schedule. The loss is that of the labels
    (:func:`spikesound.tasks.detection.objective.detection_loss`); of spiking networks also, with
    ``target_rate``, ``rate_weight`` times :func:`spikesound.snn.decoding.activity_penalty`, and
    ``silence_weight`` times the mean spike rate in a scene of digital silence that goes along with
    every batch. The weights kept are those of the epoch with the lowest validation loss, which is
    of the labels alone. All draws depend on (seed, epoch, clip), so that a resumed run equals an
    undisturbed one.

    Raises
    ------
    SpikesoundError
        If a validation loss is not a number: the learning rate is too high.
    """
    params, seed = task.params, derive(task.spec.seed, task.spec.model)
    torch.manual_seed(derive(seed, "weights"))
    network = build(task.spec)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay
    )
    batches = math.ceil(len(task.training) / params.batch_clips)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=params.epochs * batches
    )
    history: list[Epoch] = []
    best = copy.deepcopy(network.state_dict())
    if (state := checkpoint.load(task.resume)) is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        history, best = state["history"], state["best"]
        for epoch in history:
            task.report(epoch)
    while len(history) < params.epochs and len(history) - _best(history) < params.patience:
        number = len(history) + 1
        started = time.perf_counter()
        train_loss = _epoch(network, task, optimiser, schedule, seed, number)
        seconds = time.perf_counter() - started
        loss, rate = validate(network, task)
        if math.isnan(loss):
            section = "train_ann" if task.spec.neuron is None else "train_snn"
            raise SpikesoundError(
                f"{task.spec.model}, epoch {number}: the validation loss is not a number; lower "
                f"detection.{section}.learning_rate, now {params.learning_rate:g}"
            )
        history.append(
            {
                "epoch": number,
                "train_loss": train_loss,
                "validation_loss": loss,
                "spike_rate": rate,
                "seconds": seconds,
            }
        )
        if _best(history) == number:
            best = copy.deepcopy(network.state_dict())
        checkpoint.save(
            task.resume,
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "history": history,
                "best": best,
            },
        )
        task.report(history[-1])
    network.load_state_dict(best)
    return TrainedDetector(network.eval(), history, _best(history))


def validate(network: Detector, task: DetectionTask) -> tuple[float, float]:
    """Return the labels' loss on the validation clips, and the spikes per neuron and frame."""
    scenes, params = task.validation, task.params
    network.eval()
    total, rates = 0.0, []
    with torch.inference_mode(), recorded_spikes(network) as spikes:
        for start in range(0, len(scenes), params.batch_clips):
            rows = np.arange(start, min(start + params.batch_clips, len(scenes)))
            frames = network(time_first(scenes.inputs[rows]))
            loss = detection_loss(frames, *_targets(scenes, rows), *_kind(task))
            total += loss.item() * len(rows)
            rates.append([(layer.sum().item(), layer.numel()) for layer in spikes])
            spikes.clear()
    counts = np.array(rates).reshape(-1, 2).sum(0) if rates and rates[0] else np.array([0.0, 1.0])
    return total / len(scenes), float(counts[0] / counts[1])


def scores(
    network: Detector, inputs: np.ndarray, batch_clips: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return each clip's frame probabilities (frame, class), and all clips' pooled ones.

    Parameters
    ----------
    inputs : (clip, frame, bin) in [0, 1]
    """
    network.eval()
    framewise, clipwise = [], []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch_clips):
            frames = network(time_first(inputs[start : start + batch_clips]))
            framewise += list(torch.sigmoid(frames.logits).transpose(0, 1).numpy())
            clipwise.append(pooled(frames).numpy())
    return framewise, np.concatenate(clipwise)


def time_first(x: np.ndarray) -> torch.Tensor:
    """Turn (clip, frame, ...) into what networks take, (time, batch, ...), float32."""
    return torch.from_numpy(np.ascontiguousarray(x.swapaxes(0, 1), np.float32))


def _epoch(
    network: Detector,
    task: DetectionTask,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    seed: int,
    number: int,
) -> float:
    scenes, params = task.training, task.params
    network.train()
    # Dropout draws from torch's global generator: set by the epoch, a resumed run agrees.
    torch.manual_seed(derive(seed, "dropout", number))
    order = numpy_generator(seed, "order", number).permutation(len(scenes))
    total = 0.0
    for start in range(0, len(scenes), params.batch_clips):
        rows = order[start : start + params.batch_clips]
        strong, weak = _targets(scenes, rows)
        optimiser.zero_grad()
        with recorded_spikes(network) as spikes:
            frames = network(_with_silence(scenes, rows, params, seed, number))
            loss = detection_loss(
                frames, _and_silence(strong, 1), _and_silence(weak, 0), *_kind(task)
            )
            total += loss.item() * len(rows)
            loss = loss + _of_spikes(spikes, params)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return total / len(scenes)


def _with_silence(
    scenes: Scenes, rows: Rows, params: DetectionTrainParams, seed: int, epoch: int
) -> torch.Tensor:
    changes = AugmentParams(**params.augment.model_dump(), roll=False, time_mask=0.0, mixup=0.0)
    clips = [
        augment(
            clip[None],
            changes,
            spikes=False,
            generator=numpy_generator(seed, "augment", epoch, scenes.ids[row]),
        )[0]
        for row, clip in zip(rows, scenes.inputs[rows].astype(np.float32), strict=True)
    ]
    return time_first(np.stack([*clips, np.zeros_like(clips[0])]))


def _and_silence(targets: torch.Tensor, axis: int) -> torch.Tensor:
    """Add a clip without any label along the axis of the clips."""
    return torch.cat([targets, torch.zeros_like(targets.narrow(axis, 0, 1))], axis)


def _of_spikes(spikes: list[torch.Tensor], params: DetectionTrainParams) -> torch.Tensor | float:
    if not spikes:
        return 0.0
    silent = torch.stack([layer[:, -1].mean() for layer in spikes]).mean()
    loss = params.silence_weight * silent
    if params.target_rate is not None:
        loss = loss + params.rate_weight * activity_penalty(spikes, params.target_rate)
    return loss


def _targets(scenes: Scenes, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    weak = torch.from_numpy(scenes.present[rows].astype(np.float32))
    return time_first(scenes.active[rows]), weak


def _kind(task: DetectionTask) -> tuple[LabelKind, float]:
    return task.spec.labels, task.params.weak_weight


def _best(history: list[Epoch]) -> int:
    if not history:
        return 0
    return int(min(history, key=lambda epoch: epoch["validation_loss"])["epoch"])
