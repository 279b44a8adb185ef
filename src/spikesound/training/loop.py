"""The training loop that conventional and spiking networks share."""

from __future__ import annotations

import copy
import math
import time
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive, numpy_generator
from spikesound.models import classifier_spec
from spikesound.snn.decoding import cross_entropy
from spikesound.training import checkpoint
from spikesound.training.augment import augment, mixup
from spikesound.training.data import Clips
from spikesound.training.task import Epoch, Task, Trained


def train_plain(task: Task) -> Trained:
    """Train the network of the task's spec; see :func:`train`."""
    return train(classifier_spec.build(task.spec), task)


class Objective(Protocol):
    """What is lowered, and how the network is asked for its scores."""

    def backward(self, network: nn.Module, x: torch.Tensor, targets: torch.Tensor) -> float:
        """Leave the gradients of a batch's loss in the parameters, and return the loss."""
        ...

    def scores(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Return the scores (batch, class) of inputs (time, batch, frame, bin)."""
        ...


class Plain:
    """Cross-entropy of the network's scores, by backpropagation."""

    def backward(self, network: nn.Module, x: torch.Tensor, targets: torch.Tensor) -> float:
        """Leave the gradients of a batch's loss in the parameters, and return the loss."""
        loss = cross_entropy(network(x), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def scores(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Return the scores (batch, class) of inputs (time, batch, frame, bin)."""
        scores: torch.Tensor = network(x)
        return scores


def train(
    network: nn.Module, task: Task, objective: Objective | None = None, *, keep_last: bool = False
) -> Trained:
    """Train by gradient descent (through time, for a spiking network) with early stopping.

    AdamW under a one-cycle schedule; cross-entropy of the softmax against targets of sum one. The
    weights kept are those of the epoch with the lowest validation loss; training stops when it has
    not fallen for ``params.patience`` epochs. Order, augmentation and dropout of an epoch depend on
    (seed, epoch, clip) alone, so that a run resumed from ``task.resume`` equals an undisturbed one.

    Parameters
    ----------
    network : maps (time, batch, frame, bin) to scores (batch, class)
    objective : None: :class:`Plain`
    keep_last : keep the last epoch's weights, whatever the validation loss; all epochs are run

    Raises
    ------
    SpikesoundError
        If a validation loss is not a number: the learning rate is too high.

    References
    ----------
    Loshchilov & Hutter 2019 (AdamW); Smith & Topin 2019 (one-cycle); Neftci et al. 2019,
    "Surrogate gradient learning in spiking neural networks".
    """
    objective = objective or Plain()
    training, params = task.training, task.params
    batches = math.ceil(len(training) / params.batch_clips)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay
    )
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

    patience = params.epochs if keep_last else params.patience
    while len(history) < params.epochs and not _exhausted(history, patience):
        number = len(history) + 1
        started = time.perf_counter()
        train_loss = _train_epoch(network, task, objective, optimiser, schedule, number)
        seconds = time.perf_counter() - started
        loss, accuracy = validate(network, task, objective)
        if math.isnan(loss):
            raise SpikesoundError(
                f"{task.spec.model}, fold {task.spec.fold}, epoch {number}: the validation loss is "
                f"not a number; lower learning_rate, now {params.learning_rate:g}"
            )
        history.append(
            {
                "epoch": number,
                "train_loss": train_loss,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
                "seconds": seconds,
            }
        )
        if keep_last or _best(history) == number:
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
    kept = history[-1] if keep_last else history[_best(history) - 1]
    return Trained(
        task.spec,
        network,
        history,
        {
            "best_epoch": int(kept["epoch"]),
            "validation_loss": kept["validation_loss"],
            "validation_accuracy": kept["validation_accuracy"],
        },
    )


def predict(
    network: nn.Module, clips: Clips, batch_clips: int, objective: Objective | None = None
) -> npt.NDArray[np.float32]:
    """Return the network's class scores (clip, class), before the softmax."""
    objective = objective or Plain()
    network.eval()
    scores = []
    with torch.inference_mode():
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            scores.append(objective.scores(network, time_first(clips.batch(rows))).numpy())
    return np.concatenate(scores)


def validate(
    network: nn.Module, task: Task, objective: Objective | None = None
) -> tuple[float, float]:
    """Return loss and accuracy on the validation clips; any of a clip's labels is a hit."""
    targets = task.validation.targets
    scores = predict(network, task.validation, task.params.batch_clips, objective)
    loss = cross_entropy(torch.from_numpy(scores), torch.from_numpy(targets)).item()
    hit = targets[np.arange(len(scores)), scores.argmax(1)] > 0
    return loss, float(hit.mean())


def _train_epoch(
    network: nn.Module,
    task: Task,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    schedule: Any,
    number: int,
) -> float:
    clips, params, seed = task.training, task.params, task.seed
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
        optimiser.zero_grad()
        loss = objective.backward(network, time_first(x), torch.from_numpy(targets))
        optimiser.step()
        schedule.step()
        total += loss * len(rows)
    return total / len(clips)


def time_first(x: npt.NDArray[np.float32]) -> torch.Tensor:
    """Turn (clip, step, frame, bin) into what networks take, (time, batch, frame, bin)."""
    return torch.from_numpy(np.ascontiguousarray(x.swapaxes(0, 1)))


def _best(history: list[Epoch]) -> int:
    return int(min(history, key=lambda epoch: epoch["validation_loss"])["epoch"])


def _exhausted(history: list[Epoch], patience: int) -> bool:
    return bool(history) and len(history) - _best(history) >= patience
