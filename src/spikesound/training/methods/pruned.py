"""Fine-tuning of a trained conventional network with pruning and rewiring of its kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikesound.models.build import build
from spikesound.params import PrunedParams
from spikesound.snn.quantisation.weights import quantise_weights
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.course import Course
from spikesound.training.methods.fine_tune import FineTuning
from spikesound.training.methods.rewiring import Rewiring, density_of, pruned_spec
from spikesound.training.methods.rounded import rounded_twin
from spikesound.training.objective import Backward


def train_pruned(job: Job) -> Trained:
    """Return a trained conventional network of which few kernels are left, fine-tuned.

    Kernels are removed and rewired as those of a spiking network
    (:class:`.rewiring.Rewiring`). The rest is as in :func:`.fine_tune.train_fine_tuned`: rounded
    activations, weights of few bits, few activations, the weights of the last epoch.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it is another one, or it cannot be pruned.
    """
    method: PrunedParams = job.method
    bits = method.activation_bits
    kept = pruned_spec(job.spec)
    spec, network = rounded_twin(job, None if bits is None else 2**bits - 1)
    kept = spec.model_copy(update={"network": kept.network})
    recipe = job.recipe.model_copy(
        update={"epochs": method.epochs, "learning_rate": method.learning_rate}
    )
    job = replace(job, spec=spec, recipe=recipe)
    course = Course(job)
    trained = train(network, course.followed(job), Pruning(job, course), keep_last=True)
    if method.weight_bits is not None:
        quantise_weights(trained.network, method.weight_bits)
    again = build(kept)
    again.load_state_dict(trained.network.state_dict())
    result = trained.result | {"density": round(density_of(again), 4)}
    return Trained(kept, again, trained.history, result)


class Pruning(FineTuning):
    """Fine-tuning with kernels that do not exist, and are rewired after each epoch."""

    def __init__(self, job: Job, course: Course) -> None:
        super().__init__(job)
        self.course = course
        self.rewiring = Rewiring(job.method.pruning, course)

    def backward(
        self, network: nn.Module, x: torch.Tensor, targets: Targets, backward: Backward
    ) -> float:
        """Accumulate the gradients of a batch's loss, rewire after an epoch, return the loss."""
        loss = super().backward(network, x, targets, backward)
        self.course.count_batch()
        self.rewiring.after_batch(network)
        return loss

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, without the kernels that do not exist."""
        self.rewiring.apply(network)
        return super().output(network, x)
