"""Distillation: a sparse copy of a spiking network learns from the network itself."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import spiking_neurons
from spikesound.params import DistilledParams, PenaltyParams, PruningParams
from spikesound.snn.decoding import recorded_spikes
from spikesound.tasks.classification.distillation import distillation_loss, tempered
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.methods.course import Course
from spikesound.training.methods.regularised import Regularised, spiking_spec, train_sparse


def train_distilled(job: Job) -> Trained:
    """Return a copy of a trained spiking network, made sparse with that network for its teacher.

    It starts from the teacher's weights and is trained with the penalty and the pruning of
    :func:`.regularised.train_regularised`; its loss has the teacher's part
    (:mod:`spikesound.tasks.classification.distillation`). The weights kept are the last epoch's.

    Raises
    ------
    SpikesoundError
        If there is no trained network to start from, or it is another one.
    """
    method: DistilledParams = job.method
    if job.base is None:
        raise SpikesoundError(f"{job.spec.model}: distillation starts from a trained model")
    spec = spiking_spec(job)
    network = build(spec)
    try:
        network.load_state_dict(job.base.state_dict())
    except RuntimeError as error:
        raise SpikesoundError(
            f"{spec.model}: the model to start from is another network: {error}"
        ) from error
    recipe = job.recipe.model_copy(
        update={"epochs": method.epochs, "learning_rate": method.learning_rate}
    )
    job = replace(job, recipe=recipe)
    return train_sparse(job, network, spec, method.penalty, method.pruning, Distillation)


class Distillation(Regularised):
    """The labels' loss and the teacher's, with penalty and pruning."""

    def __init__(
        self,
        job: Job,
        course: Course,
        penalty: PenaltyParams | None,
        pruning: PruningParams | None,
    ) -> None:
        super().__init__(job, course, penalty, pruning)
        assert job.base is not None
        self.teacher = job.fabric.to_device(job.base).eval()
        self.params: DistilledParams = job.method
        self.single = job.spec.labels == "single"

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch."""
        with recorded_spikes(spiking_neurons(network)) as spikes:
            scores = self.output(network, x)
        temperature = self.params.temperature
        with torch.no_grad():
            taught = tempered(self.teacher(x), temperature, single=self.single)
        soft = distillation_loss(scores, taught, temperature, single=self.single)
        share = self.params.share
        hard = self.task.loss(scores, targets)
        return (1 - share) * hard + share * soft + self.penalty(spikes)
