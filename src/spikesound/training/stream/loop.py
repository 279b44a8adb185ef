"""The training loop of streamed clips: batches augmented on the device, resumed within an epoch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive
from spikesound.tasks.task import Targets
from spikesound.training import checkpoint
from spikesound.training.job import Epoch, Job, Trained
from spikesound.training.objective import Objective
from spikesound.training.parallel.objective import RankObjective
from spikesound.training.parallel.replaced import replace_layers
from spikesound.training.parallel.share import BatchShare
from spikesound.training.parallel.sums import add_up
from spikesound.training.parallel.validation import validate_together
from spikesound.training.stream.augment import BLEND, augment, blended, inverse_ranges, prepared
from spikesound.training.stream.clips import StreamedClips
from spikesound.training.stream.draws import Draws
from spikesound.training.stream.loader import Batch, Read, batches
from spikesound.training.stream.order import EpochOrder


@dataclass
class Progress:
    """How far a training has come.

    Attributes
    ----------
    history : figures of the epochs that are done
    best : weights of the best of them
    batch : batches done of the epoch that is under way
    total : their losses in sum, each times its clips
    clips : of these batches
    seconds : that they took
    """

    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    batch: int = 0
    total: float = 0.0
    clips: int = 0
    seconds: float = 0.0


def train_streamed(network: nn.Module, job: Job, objective: Objective | None = None) -> Trained:
    """Return a network trained by gradient descent on clips that stay on disk.

    As :func:`spikesound.training.loop.train`, with AdamW under a one-cycle schedule; but batches
    are prepared and augmented on the device, and all draws are functions of (seed, epoch, clip):
    workers, batches, ranks and resumes change no sample. Dropout depends on (seed, epoch, batch).
    Checkpoints are written after each epoch and every ``recipe.save_s`` seconds, so that a
    killed run goes on within its epoch, to the same weights as an undisturbed one.

    Several ranks divide each batch, and give the weights of one within rounding: batch norms,
    dropout, penalties and validation are over the clips of all ranks
    (:mod:`spikesound.training.parallel`), and the gradients are those of the whole batch's loss.
    The first rank alone reads and writes the checkpoint.

    Parameters
    ----------
    network : its output is the task's
    job : of streamed clips (:class:`~.clips.StreamedClips`)
    objective : None: the task's loss alone

    Raises
    ------
    SpikesoundError
        If a validation loss is not a number: the learning rate is too high.
    """
    objective = objective or Objective(job)
    run = _Run(network, job, objective)
    recipe = job.recipe
    while len(run.done.history) < recipe.epochs and not run.exhausted():
        number = len(run.done.history) + 1
        train_loss = run.epoch(number)
        figures = validate_together(run.network, job, objective)
        if math.isnan(figures["validation_loss"]):
            raise SpikesoundError(
                f"{job.spec.model}, fold {job.spec.fold}, epoch {number}: the validation loss is "
                f"not a number; lower the recipe's learning_rate, now {recipe.learning_rate:g}"
            )
        run.close_epoch({"epoch": number, "train_loss": train_loss, **figures})
        job.report(run.done.history[-1])
    return run.trained()


class _Run:
    """A training under way: network, optimiser, schedule and progress, and its checkpoint."""

    def __init__(self, network: nn.Module, job: Job, objective: Objective) -> None:
        self.job, self.fabric = job, job.fabric
        self.share = BatchShare(self.fabric.global_rank, self.fabric.world_size)
        self.objective = RankObjective(objective, self.share) if self.shared else objective
        self.clips = cast(StreamedClips, job.training)
        self.network = self.fabric.to_device(network)
        self.put_back: Callable[[], None] = lambda: None
        if self.shared:
            self.put_back = replace_layers(self.network, self.share, self.fabric.device)
        recipe = job.recipe
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, recipe.learning_rate, total_steps=recipe.epochs * len(self.order(1))
        )
        self.stepper: Any = self.fabric.setup_optimizers(self.optimiser)
        ranges = self.clips.ranges
        self.ranges = None
        if ranges is not None:
            low, scale = inverse_ranges(ranges.low, ranges.high)
            self.ranges = self.fabric.to_device(low), self.fabric.to_device(scale)
        self.done = Progress(best=copy.deepcopy(self.network.state_dict()))
        self._resume()

    @property
    def shared(self) -> bool:
        """Whether several ranks divide the batches."""
        return self.fabric.world_size > 1

    def order(self, epoch: int) -> EpochOrder:
        """Return the order of an epoch's clips."""
        recipe = self.job.recipe
        return EpochOrder(
            len(self.clips),
            recipe.batch_clips,
            self.job.seed,
            epoch,
            _balancing(self.clips) if self.job.balanced else None,
            self.fabric.global_rank,
            self.fabric.world_size,
        )

    def epoch(self, number: int) -> float:
        """Train what is left of an epoch, and return the mean loss of all of it."""
        recipe, done = self.job.recipe, self.done
        self.network.train()
        saved = started = time.perf_counter()
        before = done.seconds
        coming = batches(
            self.clips,
            self.order(number),
            blend=recipe.augment.mixup > 0,
            workers=recipe.workers,
            first=done.batch,
        )
        for batch in coming:
            # Of the whole batch: each rank draws all of it, and takes its part.
            torch.manual_seed(derive(self.job.seed, "dropout", number, batch.number, 0))
            loss = self._step(batch, number)
            done.total += loss * batch.size
            done.clips += batch.size
            done.batch = batch.number + 1
            now = time.perf_counter()
            done.seconds = before + now - started
            if now - saved > recipe.save_s:
                self.save()
                saved = now
        return done.total / done.clips

    def close_epoch(self, figures: Epoch) -> None:
        """Take an epoch's figures into the history, and write the checkpoint."""
        done = self.done
        done.history.append({**figures, "seconds": done.seconds})
        if self.job.recipe.keep == "last" or self._best() == len(done.history):
            done.best = copy.deepcopy(self.network.state_dict())
        done.batch, done.total, done.clips, done.seconds = 0, 0.0, 0, 0.0
        self.save()

    def exhausted(self) -> bool:
        """Return whether the validation loss has not fallen for ``patience`` epochs."""
        history = self.done.history
        if self.job.recipe.keep == "last" or not history:
            return False
        return len(history) - self._best() >= self.job.recipe.patience

    def trained(self) -> Trained:
        """Return the network with the weights that are kept."""
        self.network.load_state_dict(self.done.best)
        self.put_back()
        history = self.done.history
        kept = history[-1] if self.job.recipe.keep == "last" else history[self._best() - 1]
        names = ("validation_loss", *self.job.task.figures)
        result = {"best_epoch": int(kept["epoch"]), **{name: kept[name] for name in names}}
        return Trained(self.job.spec, self.network.cpu(), history, result)

    def save(self) -> None:
        """Write the checkpoint; of several ranks the first does."""
        if self.fabric.is_global_zero:
            state = {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "progress": vars(self.done),
            }
            checkpoint.save(self.job.resume, state)

    def _resume(self) -> None:
        state = checkpoint.load(self.job.resume) if self.fabric.is_global_zero else None
        if (state := self.fabric.broadcast(state)) is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.done = Progress(**state["progress"])
        for epoch in self.done.history:
            self.job.report(epoch)

    def _best(self) -> int:
        return int(min(self.done.history, key=lambda epoch: epoch["validation_loss"])["epoch"])

    def _step(self, batch: Batch, epoch: int) -> float:
        """Move the weights by a batch, and return the loss of the whole of it."""
        recipe, fabric = self.job.recipe, self.fabric
        self.share.take(batch.size, silence=recipe.silence_weight is not None)
        x, targets = self._inputs(batch, epoch)
        self.stepper.zero_grad()
        with fabric.autocast():
            loss = self.objective.backward(self.network, x, targets, fabric.backward)
        if self.shared:
            loss = add_up(self.network, loss, fabric)
        if recipe.clip_gradient is not None:
            fabric.clip_gradients(self.network, self.stepper, max_norm=recipe.clip_gradient)
        self.stepper.step()
        self.schedule.step()
        return loss

    def _inputs(self, batch: Batch, epoch: int) -> tuple[torch.Tensor, Targets]:
        job, recipe = self.job, self.job.recipe
        draws = Draws(job.seed, epoch, batch.clips.numbers)
        x = self._augmented(batch.clips, draws)
        present, active = batch.clips.present, batch.clips.active
        if batch.partners is not None:
            weight = draws.beta(BLEND, recipe.augment.mixup)
            other = self._augmented(batch.partners, Draws(job.seed, epoch, batch.partners.numbers))
            x = blended(x, other, weight.to(x.device))
            own, theirs = (_shares(each, job) for each in (present, batch.partners.present))
            column = weight.numpy()[:, None]
            present = (column * own + (1 - column) * theirs).astype(np.float32)
        if recipe.silence_weight is not None and self.fabric.is_global_zero:
            x = torch.cat([x, torch.zeros_like(x[:1])])
            present = np.concatenate([present, np.zeros_like(present[:1])])
            active = None if active is None else np.concatenate([active, np.zeros_like(active[:1])])
        moved = x[:, 0] if job.task.frames else x
        targets = tuple(self.fabric.to_device(each) for each in job.task.targets(present, active))
        return moved.transpose(0, 1).contiguous(), targets

    def _augmented(self, read: Read, draws: Draws) -> torch.Tensor:
        x = prepared(self.fabric.to_device(read.x), self.clips.bins, self.ranges)
        return augment(
            x,
            self.job.recipe.augment,
            draws.to(x.device),
            spikes=self.clips.spikes,
            neurons_per_bin=self.clips.neurons_per_bin,
        )


def _shares(present: npt.NDArray[np.float32], job: Job) -> npt.NDArray[np.float32]:
    """Return labels as shares of one, where the task has one label a clip."""
    return present / present.sum(1, keepdims=True) if job.task.shares else present


def _balancing(clips: StreamedClips) -> npt.NDArray[np.float64]:
    """Return cumulative weights of the clips by which each class comes equally often."""
    rarity = 1 / np.maximum(clips.class_counts(), 1)
    of_clip = np.zeros(len(clips.index))
    np.maximum.at(of_clip, clips.index.owners(), rarity[clips.index.labels])
    weights = of_clip[clips.chosen]
    weights = np.where(weights > 0, weights, weights[weights > 0].min())  # clips without a label
    cumulative: npt.NDArray[np.float64] = np.cumsum(weights) / weights.sum()
    return cumulative
