"""The training loop that conventional and spiking networks share."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from spikesound.params import TrainParams
from spikesound.seeds import derive, numpy_generator
from spikesound.training import checkpoint
from spikesound.training.augment import augment, mixup
from spikesound.training.data import Clips

Epoch = dict[str, float]
"""epoch (from 1), train_loss, validation_loss, validation_accuracy, seconds"""


@dataclass(frozen=True)
class Trained:
    """The network with the weights of its best epoch, that epoch, and what every epoch gave."""

    network: nn.Module
    best_epoch: int
    history: list[Epoch]


def train(
    network: nn.Module,
    training: Clips,
    validation: Clips,
    params: TrainParams,
    *,
    seed: int,
    resume: Path,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Trained:
    """Train by gradient descent (through time, for a spiking network) with early stopping.

    AdamW under a one-cycle schedule; cross-entropy of the softmax against targets of sum one. The
    weights kept are those of the epoch with the lowest validation loss; training stops when it has
    not fallen for ``params.patience`` epochs. Order, augmentation and dropout of an epoch depend on
    (seed, epoch, clip) alone, so that a run resumed from ``resume`` equals an undisturbed one.

    Parameters
    ----------
    network : maps (time, batch, frame, bin) to scores (batch, class)
    resume : checkpoint, written after each epoch; the caller deletes it with the result safe
    report : called with each epoch, those before a resume included

    References
    ----------
    Loshchilov & Hutter 2019 (AdamW); Smith & Topin 2019 (one-cycle); Neftci et al. 2019,
    "Surrogate gradient learning in spiking neural networks".
    """
    batches = math.ceil(len(training) / params.batch_clips)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=params.epochs * batches
    )
    history: list[Epoch] = []
    best = copy.deepcopy(network.state_dict())
    if (state := checkpoint.load(resume)) is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        history, best = state["history"], state["best"]
        for epoch in history:
            report(epoch)

    while len(history) < params.epochs and not _exhausted(history, params.patience):
        number = len(history) + 1
        started = time.perf_counter()
        train_loss = _train_epoch(network, training, params, optimiser, schedule, seed, number)
        seconds = time.perf_counter() - started
        scores = predict(network, validation, params.batch_clips)
        loss, accuracy = _measure(scores, validation.targets)
        history.append(
            {
                "epoch": number,
                "train_loss": train_loss,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
                "seconds": seconds,
            }
        )
        if _best(history) == number:
            best = copy.deepcopy(network.state_dict())
        checkpoint.save(
            resume,
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "history": history,
                "best": best,
            },
        )
        report(history[-1])
    network.load_state_dict(best)
    return Trained(network, _best(history), history)


def predict(network: nn.Module, clips: Clips, batch_clips: int) -> npt.NDArray[np.float32]:
    """Return the network's class scores (clip, class), before the softmax."""
    network.eval()
    scores = []
    with torch.inference_mode():
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            scores.append(network(_to_time_first(clips.batch(rows))).numpy())
    return np.concatenate(scores)


def _train_epoch(
    network: nn.Module,
    clips: Clips,
    params: TrainParams,
    optimiser: torch.optim.Optimizer,
    schedule: Any,
    seed: int,
    number: int,
) -> float:
    network.train()
    # Dropout draws from torch's global generator: set by the epoch, a resumed run agrees.
    torch.manual_seed(derive(seed, "dropout", number))
    generator = numpy_generator(seed, "order", number)
    order = generator.permutation(len(clips))
    total = 0.0
    for start in range(0, len(clips), params.batch_clips):
        rows = order[start : start + params.batch_clips]
        x = np.stack(
            [
                augment(
                    clip,
                    params.augment,
                    spikes=clips.spikes,
                    generator=numpy_generator(seed, "augment", number, clips.ids[row]),
                    neurons_per_bin=clips.neurons_per_bin,
                )
                for row, clip in zip(rows, clips.batch(rows), strict=True)
            ]
        )
        x, targets = mixup(x, clips.targets[rows], params.augment.mixup, generator)
        loss = _cross_entropy(network(_to_time_first(x)), torch.from_numpy(targets))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        total += loss.item() * len(rows)
    return total / len(clips)


def _to_time_first(x: npt.NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.swapaxes(0, 1)))


def _cross_entropy(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(scores, targets / targets.sum(1, keepdim=True))


def _measure(
    scores: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]
) -> tuple[float, float]:
    loss = _cross_entropy(torch.from_numpy(scores), torch.from_numpy(targets)).item()
    hit = targets[np.arange(len(scores)), scores.argmax(1)] > 0
    return loss, float(hit.mean())


def _best(history: list[Epoch]) -> int:
    return int(min(history, key=lambda epoch: epoch["validation_loss"])["epoch"])


def _exhausted(history: list[Epoch], patience: int) -> bool:
    return bool(history) and len(history) - _best(history) >= patience
