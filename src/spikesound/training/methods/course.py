"""How far a training has come, for what changes in its course."""

from __future__ import annotations

import math
from dataclasses import replace

from spikesound.training.job import Epoch, Job


class Course:
    """Epochs and batches that a training has behind it; a resumed one has those of before, too.

    It is told of epochs by the job's ``report``, which the loop calls with each of them, those
    before a resume included, and of batches by the objective.
    """

    def __init__(self, job: Job) -> None:
        self.epochs = job.recipe.epochs
        self.batches = math.ceil(len(job.training) / job.recipe.batch_clips)
        self._epoch = self._batch = 0

    def followed(self, job: Job) -> Job:
        """Return the job, which also counts its epochs here."""

        def report(epoch: Epoch) -> None:
            self._epoch, self._batch = int(epoch["epoch"]), 0
            job.report(epoch)

        return replace(job, report=report)

    def count_batch(self) -> None:
        """Count a batch of the present epoch."""
        self._batch += 1

    @property
    def share(self) -> float:
        """Share of the training that is done, 0 to 1."""
        return (self._epoch + self._batch / self.batches) / self.epochs

    @property
    def starts_epoch(self) -> bool:
        """Whether no batch of the present epoch is done."""
        return self._batch == 0

    @property
    def ends_epoch(self) -> bool:
        """Whether all batches of the present epoch are done."""
        return self._batch == self.batches
