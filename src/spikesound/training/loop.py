"""The training loop of all networks, methods and tasks."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive, numpy_generator
from spikesound.models.build import build
from spikesound.tasks.task import Targets, batched
from spikesound.training import checkpoint
from spikesound.training.augment import augment, mixup
from spikesound.training.job import Epoch, Job, Trained
from spikesound.training.objective import Objective
from spikesound.training.waveform.epoch import WaveformEpoch


def train_backprop(job: Job) -> Trained:
    """Train the network of the job's spec by backpropagation; see :func:`train`."""
    return train(build(job.spec), job)


def train(
    network: nn.Module, job: Job, objective: Objective | None = None, *, keep_last: bool = False
) -> Trained:
    """Return a network trained by gradient descent with early stopping.

    AdamW under a one-cycle schedule. The weights kept are those of the epoch with the lowest
    validation loss; training stops when it has not fallen for ``recipe.patience`` epochs. With
    ``recipe.keep: last`` all epochs are run, and the last weights kept. With ``recipe.average`` a
    moving average of the weights, ``a = d a + (1 - d) w`` after each batch, is validated and kept
    in their place; its batch norms get the means and variances that its own layers have on the
    training clips as they are: those of the weights averaged are far from them. Order, augmentation
    and dropout of an epoch depend on (seed, epoch, clip) alone, so that a run resumed from
    ``job.resume`` equals an undisturbed one. Device and precision are those of ``job.fabric``.

    Parameters
    ----------
    network : its output is the task's: class scores (batch, class), or frames
    objective : None: the task's loss alone (:class:`Objective`)
    keep_last : as ``recipe.keep: last``

    Raises
    ------
    SpikesoundError
        If a validation loss is not a number: the learning rate is too high.

    References
    ----------
    Loshchilov & Hutter 2019 (AdamW); Smith & Topin 2019 (one-cycle); Neftci et al. 2019,
    "Surrogate gradient learning in spiking neural networks".
    """
    objective = objective or Objective(job)
    recipe, fabric = job.recipe, job.fabric
    keep_last = keep_last or recipe.keep == "last"
    network = fabric.to_device(network)
    average = averaged(network, recipe.average)
    shown = network if average is None else average.module
    batches = math.ceil(len(job.training) / recipe.batch_clips)
    groups = objective.groups(network, recipe.learning_rate)
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [group["lr"] for group in groups], total_steps=recipe.epochs * batches
    )
    stepper = fabric.setup_optimizers(optimiser)
    history: list[Epoch] = []
    best = copy.deepcopy(network.state_dict())
    if (state := checkpoint.load(job.resume, fabric.device)) is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        if average is not None:
            average.load_state_dict(state["average"])
        history, best = state["history"], state["best"]
        for epoch in history:
            job.report(epoch)

    patience = recipe.epochs if keep_last else recipe.patience
    while len(history) < recipe.epochs and not _exhausted(history, patience):
        number = len(history) + 1
        started = time.perf_counter()
        train_loss = _train_epoch(network, job, objective, stepper, schedule, number, average)
        if average is not None:
            with fabric.autocast():
                update_bn(_as_they_are(job), average.module)
        seconds = time.perf_counter() - started
        figures = validate(shown, job, objective)
        if math.isnan(figures["validation_loss"]):
            raise SpikesoundError(
                f"{job.spec.model}, fold {job.spec.fold}, epoch {number}: the validation loss is "
                f"not a number; lower the recipe's learning_rate, now {recipe.learning_rate:g}"
            )
        history.append({"epoch": number, "train_loss": train_loss, **figures, "seconds": seconds})
        if keep_last or _best(history) == number:
            best = copy.deepcopy(shown.state_dict())
        checkpoint.save(
            job.resume,
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "history": history,
                "best": best,
                **({} if average is None else {"average": average.state_dict()}),
            },
        )
        job.report(history[-1])
    network.load_state_dict(best)
    kept = history[-1] if keep_last else history[_best(history) - 1]
    figures = {name: kept[name] for name in ("validation_loss", *job.task.figures)}
    return Trained(job.spec, network.cpu(), history, {"best_epoch": int(kept["epoch"]), **figures})


def averaged(network: nn.Module, decay: float | None) -> AveragedModel | None:
    """Return the moving average of a network's weights; None: without a decay.

    References
    ----------
    Tarvainen & Valpola 2017, "Mean teachers are better role models".
    """
    if decay is None:
        return None
    mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=mean)


def _as_they_are(job: Job) -> Iterator[torch.Tensor]:
    """Yield the training clips in batches, neither augmented nor mixed."""
    clips, size = job.training, job.recipe.batch_clips
    for start in range(0, len(clips), size):
        rows = np.arange(start, min(start + size, len(clips)))
        yield job.fabric.to_device(batched(clips.batch(rows), frames=job.task.frames))


def validate(network: nn.Module, job: Job, objective: Objective | None = None) -> Epoch:
    """Return the validation figures of a network; see :meth:`spikesound.tasks.task.Task`."""
    objective = objective or Objective(job)
    clips, size = job.validation, job.recipe.batch_clips
    outputs, targets = [], []
    network.eval()
    with torch.inference_mode(), job.fabric.autocast():
        for start in range(0, len(clips), size):
            rows = np.arange(start, min(start + size, len(clips)))
            x = batched(clips.batch(rows), frames=job.task.frames)
            outputs.append(_at_home(objective.output(network, _placed(x, network))))
            targets.append(job.task.targets(*clips.labels(rows)))
    return job.task.validation(outputs, targets)


def _train_epoch(
    network: nn.Module,
    job: Job,
    objective: Objective,
    stepper: Any,
    schedule: Any,
    number: int,
    average: AveragedModel | None = None,
) -> float:
    recipe, fabric = job.recipe, job.fabric
    network.train()
    # Dropout draws from torch's global generator: set by the epoch, a resumed run agrees.
    torch.manual_seed(derive(job.seed, "dropout", number))
    generator = numpy_generator(job.seed, "order", number)
    order = _order(job, generator)
    sound = None if job.waves is None else WaveformEpoch(job, job.waves, number)
    total = 0.0
    for start in range(0, len(order), recipe.batch_clips):
        rows = order[start : start + recipe.batch_clips]
        if sound is not None:
            x, targets = sound.batch(rows)
        else:
            x, targets = _batch(job, rows, number, generator)
        stepper.zero_grad()
        with fabric.autocast():
            loss = objective.backward(
                network,
                fabric.to_device(x),
                tuple(fabric.to_device(each) for each in targets),
                fabric.backward,
            )
        if recipe.clip_gradient is not None:
            fabric.clip_gradients(network, stepper, max_norm=recipe.clip_gradient)
        stepper.step()
        schedule.step()
        if average is not None:
            average.update_parameters(network)
        total += loss * len(rows)
    return total / len(order)


def _order(job: Job, generator: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return the rows of an epoch: all in random order, or drawn so that classes are balanced."""
    clips = job.training
    if not job.balanced:
        return generator.permutation(len(clips))
    rarity = (clips.present / clips.present.sum(0).clip(min=1)).max(1)
    rarity = np.where(rarity > 0, rarity, rarity[rarity > 0].min())  # clips without a label
    return generator.choice(len(clips), len(clips), p=rarity / rarity.sum())


def _batch(
    job: Job, rows: npt.NDArray[np.intp], epoch: int, generator: np.random.Generator
) -> tuple[torch.Tensor, Targets]:
    clips, recipe = job.training, job.recipe
    x = np.stack(
        [
            augment(
                clip,
                recipe.augment,
                spikes=clips.spikes,
                generator=numpy_generator(job.seed, "augment", epoch, clips.ids[row]),
                neurons_per_bin=clips.neurons_per_bin,
            )
            for row, clip in zip(rows, clips.batch(rows), strict=True)
        ]
    )
    present, active = clips.labels(rows)
    taught = [] if clips.taught is None else [clips.taught[rows]]
    x, present, *taught = mixup(
        x, present, recipe.augment.mixup, generator, *taught, shares=job.task.shares
    )
    if recipe.silence_weight is not None:
        x, present, *taught = (
            np.concatenate([each, np.zeros_like(each[:1])]) for each in (x, present, *taught)
        )
        active = None if active is None else np.concatenate([active, np.zeros_like(active[:1])])
    targets = *job.task.targets(present, active), *map(torch.from_numpy, taught)
    return batched(x, frames=job.task.frames), targets


def _placed(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
    return x.to(next(network.parameters()).device)


def _at_home(output: Any) -> Any:
    """Return a network's output on the CPU, in float32."""
    return output.float().cpu() if isinstance(output, torch.Tensor) else output.cpu()


def _best(history: list[Epoch]) -> int:
    return int(min(history, key=lambda epoch: epoch["validation_loss"])["epoch"])


def _exhausted(history: list[Epoch], patience: int) -> bool:
    return bool(history) and len(history) - _best(history) >= patience
