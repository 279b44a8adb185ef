"""Distillation: a sparse copy of a spiking network learns from the network itself."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import spiking_neurons
from spikesound.params import DistilledParams, PenaltyParams, PruningParams
from spikesound.snn.decoding import recorded_spikes
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.methods.course import Course
from spikesound.training.methods.regularised import Regularised, spiking_spec, train_sparse


def train_distilled(job: Job) -> Trained:
    """Return a copy of a trained spiking network, made sparse with that network for its teacher.

    It starts from the teacher's weights and is trained with the penalty and the pruning of
    :func:`.regularised.train_regularised`; its loss has the teacher's part
    (:func:`distillation_loss`). The weights kept are the last epoch's.

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
        with torch.no_grad():
            taught = self.teacher(x)
        soft = distillation_loss(scores, taught, self.params.temperature, single=self.single)
        share = self.params.share
        hard = self.task.loss(scores, targets)
        return (1 - share) * hard + share * soft + self.penalty(spikes)


def distillation_loss(
    scores: torch.Tensor, taught: torch.Tensor, temperature: float, *, single: bool
) -> torch.Tensor:
    r"""Return how far a network's probabilities are from its teacher's.

    .. math:: L = \frac{\tau^2}{B} \sum_b \mathrm{KL}\big(\sigma(z^*_b / \tau) \,\|\,
              \sigma(z_b / \tau)\big)

    with the softmax of single labels for :math:`\sigma`; of several labels the mean over classes of
    the divergence of each one's probability.

    Parameters
    ----------
    scores, taught : of network and teacher (batch, class)
    temperature : tau

    References
    ----------
    Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network", section 2.
    """
    ours, theirs = scores / temperature, taught / temperature
    if single:
        divergence = functional.kl_div(
            ours.log_softmax(-1), theirs.log_softmax(-1), reduction="batchmean", log_target=True
        )
    else:
        entropy = functional.binary_cross_entropy_with_logits(theirs, theirs.sigmoid())
        divergence = functional.binary_cross_entropy_with_logits(ours, theirs.sigmoid()) - entropy
    return temperature**2 * divergence
