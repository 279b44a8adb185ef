"""Validation that all ranks share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import distributed, nn

from spikesound.tasks.task import Figures, Targets, Task
from spikesound.training.job import Epoch, Job
from spikesound.training.loop import validate
from spikesound.training.objective import Objective


class _Gathered:
    """A task whose validation is of the batches of all ranks."""

    def __init__(self, task: Task) -> None:
        self.task, self.frames, self.targets = task, task.frames, task.targets

    def validation(self, outputs: Sequence[Any], targets: Sequence[Targets]) -> Figures:
        """Return the figures of all ranks' batches, in the order of the ranks."""
        parts: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(parts, (outputs, targets))
        gathered = ([each for part in parts for each in part[place]] for place in (0, 1))
        return self.task.validation(*gathered)


def validate_together(network: nn.Module, job: Job, objective: Objective) -> Epoch:
    """Return the validation figures of a network, the same on all ranks.

    Each rank runs its share of the batches that one process would run, so that the figures are of
    the same batches; the first rank's are everyone's.
    """
    clips, size, fabric = job.validation, job.recipe.batch_clips, job.fabric
    if fabric.world_size == 1:
        return validate(network, job, objective)
    batches = math.ceil(len(clips) / size)
    first, last = (
        min(len(clips), batches * rank // fabric.world_size * size)
        for rank in (fabric.global_rank, fabric.global_rank + 1)
    )
    own = clips.select(np.arange(first, last))
    task: Any = _Gathered(job.task)
    figures = validate(network, replace(job, validation=own, task=task), objective)
    agreed: Epoch = fabric.broadcast(figures)
    return agreed
