"""A linear read-out of a trained network's last layer: multinomial logistic regression."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.models.build import build
from spikesound.models.layers import inputs_of, layers_of
from spikesound.tasks.task import Targets, Task, batched
from spikesound.training.dataset import Dataset
from spikesound.training.job import Epoch, Job, Trained
from spikesound.training.methods.transfer import transferred

PENALTIES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
"""Of the squared weights, from the stiffest to the freest; each is one entry of the history."""

ITERATIONS = 100

LEAST = 0.1
"""Of the largest deviation, the least that an input of a read-out is divided by."""


def train_linear_head(job: Job) -> Trained:
    """Return a trained network with a new read-out; all its other weights stay as they are.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it is another one, or its read-out is not linear.

    References
    ----------
    Alain & Bengio 2017, "Understanding intermediate layers using linear classifier probes".
    """
    return fit_head(transferred(job, build(job.spec)), job)


def fit_head(network: nn.Module, job: Job) -> Trained:
    r"""Fit a network's read-out to the training clips, its penalty chosen on validation clips.

    .. math:: L = \mathrm{loss}(W z + b, y) + \frac{\lambda}{2} \lVert W \rVert^2, \qquad
              z_j = (e_j - \bar e_j) / \sigma_j

    with the mean and deviation (:class:`Scale`) of each input e of the read-out over the training
    clips, which are put into the weights afterwards. The problem is convex and is solved for each
    penalty :math:`\lambda` from the last one's solution, by L-BFGS; there is no augmentation. Where
    the training clips have the validation clips among them (a recipe's ``clips: known``), the
    penalty is chosen without these, and with it the read-out is fitted to all of them.
    """
    readout, began, task = readout_of(network, job.spec.model), time.perf_counter(), job.task
    seen, unseen = (embeddings(network, clips, job) for clips in (job.training, job.validation))
    targets, wanted = (
        task.targets(*clips.labels(np.arange(len(clips))))
        for clips in (job.training, job.validation)
    )
    validated = set(job.validation.ids)
    own = [row for row, clip in enumerate(job.training.ids) if clip not in validated]
    inputs, scale = seen[own], Scale.of(seen[own])
    own_targets = tuple(each[own] for each in targets)
    linear = nn.Linear(readout.in_features, readout.out_features)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    history: list[Epoch] = []
    best, chosen = copy.deepcopy(linear.state_dict()), PENALTIES[0]
    seconds = (time.perf_counter() - began) / len(PENALTIES)
    for number, penalty in enumerate(PENALTIES, start=1):
        began = time.perf_counter()
        train_loss = solve(linear, scale(inputs), own_targets, penalty, task)
        with torch.no_grad():
            figures = task.validation([linear(scale(unseen))], [wanted])
        took = seconds + time.perf_counter() - began
        history.append({"epoch": number, "train_loss": train_loss, **figures, "seconds": took})
        job.report(history[-1])
        if figures["validation_loss"] == min(epoch["validation_loss"] for epoch in history):
            best, chosen, kept = copy.deepcopy(linear.state_dict()), penalty, history[-1]
    linear.load_state_dict(best)
    if len(own) < len(seen):
        scale = Scale.of(seen)
        solve(linear, scale(seen), targets, chosen, task)
    scale.put_into(readout, linear)
    result = {
        "best_epoch": int(kept["epoch"]),
        **{name: kept[name] for name in ("validation_loss", *task.figures)},
    }
    return Trained(job.spec, network.eval(), history, result)


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each input of a read-out (value,), by which it is fitted.

    A deviation is taken to be at least :data:`LEAST` of the largest: an input that hardly varies on
    the training clips would get weights so large that few bits leave nothing of all others.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    @classmethod
    def of(cls, inputs: torch.Tensor) -> Self:
        """Return those of inputs (clip, value)."""
        deviation = inputs.std(0)
        return cls(inputs.mean(0), deviation.clamp(min=max(LEAST * float(deviation.max()), 1e-6)))

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return inputs with mean 0 and deviation 1."""
        return (inputs - self.mean) / self.deviation

    @torch.no_grad()
    def put_into(self, readout: nn.Linear, linear: nn.Linear) -> None:
        """Give a read-out of plain inputs the scores that a map of scaled ones has."""
        readout.weight.copy_(linear.weight / self.deviation)
        readout.bias.copy_(linear.bias - readout.weight @ self.mean)


def solve(
    linear: nn.Linear, inputs: torch.Tensor, targets: Targets, penalty: float, task: Task
) -> float:
    """Fit a linear map to targets, from the weights it has, and return their loss."""
    solver = torch.optim.LBFGS(
        linear.parameters(), max_iter=ITERATIONS, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = task.loss(linear(inputs), targets)
        value = value + penalty / 2 * linear.weight.pow(2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return task.loss(linear(inputs), targets).item()


def readout_of(network: nn.Module, model: str) -> nn.Linear:
    """Return the linear layer of the classes.

    Raises
    ------
    SpikesoundError
        If the read-out is something else.
    """
    layer = layers_of(network)[-1]
    if not layer.readout or not isinstance(layer.synapses, nn.Linear):
        raise SpikesoundError(f"{model}: expected a network with a linear read-out")
    return layer.synapses


def embeddings(network: nn.Module, clips: Dataset, job: Job) -> torch.Tensor:
    """Return the input of a network's read-out for each clip (clip, value)."""
    readout, size = readout_of(network, job.spec.model), job.recipe.batch_clips
    network.eval()
    starts = range(0, len(clips), size)
    with inputs_of(readout) as found, torch.inference_mode():
        for start in track(starts, total=len(starts), what="last layer", unit="batch"):
            rows = np.arange(start, min(start + size, len(clips)))
            network(batched(clips.batch(rows), frames=job.task.frames))
    return torch.cat(found).clone()


def silent(job: Job) -> Job:
    """Return the job without reports of epochs, for a part of a longer training."""
    return replace(job, report=lambda epoch: None)
