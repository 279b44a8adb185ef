"""Surrogate gradients with a penalty on firing rates and pruning, in the course of the training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.spec import Spec
from spikesound.params import PenaltyParams, PruningParams, RegularisedParams
from spikesound.snn.quantisation.weights import quantise_weights
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.course import Course
from spikesound.training.methods.rate_penalty import hinge_penalty, ramp
from spikesound.training.methods.rewiring import Rewiring, density_of, pruned_spec
from spikesound.training.methods.surrogate import Backpropagation, step_weights
from spikesound.training.objective import Backward, Objective

Loop = Callable[[nn.Module, Job, Objective], Trained]
"""Trains a network: :func:`spikesound.training.loop.train`, or another with its arguments."""


def train_regularised(job: Job) -> Trained:
    """Return a spiking network of low firing rate, of few kernels, or both.

    By surrogate gradients, as :func:`.surrogate.train_surrogate`. To the loss the hinge penalty of
    :func:`.rate_penalty.hinge_penalty` is added; it grows from zero from ``start`` on, so that the
    network first learns and then saves. With ``pruning`` kernels are removed and rewired
    (:class:`.rewiring.Rewiring`). With either of them the weights kept are the last epoch's: the
    lowest validation loss would be that of the densest.

    Raises
    ------
    SpikesoundError
        If the network cannot be pruned, or the gradient is to be truncated.
    """
    method: RegularisedParams = job.method
    spec = spiking_spec(job)
    return train_sparse(job, build(spec), spec, method.penalty, method.pruning)


def spiking_spec(job: Job) -> Spec:
    """Return the job's spec with the method's read-out and the weights of the code's steps."""
    method, encoding = job.method, job.spec.encoding_section()
    if method.truncate_steps is not None:
        raise SpikesoundError(f"{job.spec.model}: expected truncate_steps null with this method")
    weights = step_weights(job.step_values) if encoding and encoding.weighted else None
    return job.spec.model_copy(
        update={"readout": method.readout, "step_weights": weights and list(weights)}
    )


def train_sparse(
    job: Job,
    network: nn.Module,
    spec: Spec,
    penalty: PenaltyParams | None,
    pruning: PruningParams | None,
    objective: type[Regularised] | None = None,
    loop: Loop | None = None,
) -> Trained:
    """Return a spiking network trained with penalty and pruning; its weights are quantised.

    Parameters
    ----------
    network, spec : to train, and what it is built by
    objective : None: :class:`Regularised`
    loop : None: :func:`spikesound.training.loop.train`
    """
    kept = spec if pruning is None else pruned_spec(spec)
    course = Course(job)
    wanted = (objective or Regularised)(job, course, penalty, pruning)
    sparse = penalty is not None or pruning is not None
    followed = replace(course.followed(job), spec=spec)
    if loop is None:
        trained = train(network, followed, wanted, keep_last=sparse)
    elif sparse:
        raise SpikesoundError(
            f"{job.spec.model}: penalty and pruning need the course of the training; set "
            "dataset: memory"
        )
    else:
        trained = loop(network, followed, wanted)
    if job.method.weight_bits is not None:
        quantise_weights(trained.network, job.method.weight_bits)
    if pruning is None:
        return trained
    again = build(kept)
    again.load_state_dict(trained.network.state_dict())
    result = trained.result | {"density": round(density_of(again), 4)}
    return Trained(kept, again, trained.history, result)


class Regularised(Backpropagation):
    """Backpropagation through time with a penalty on firing rates, and pruning with rewiring."""

    def __init__(
        self,
        job: Job,
        course: Course,
        penalty: PenaltyParams | None,
        pruning: PruningParams | None,
    ) -> None:
        super().__init__(job)
        self.course, self.hinge = course, penalty
        self.rewiring = None if pruning is None else Rewiring(pruning, course)

    def backward(
        self, network: nn.Module, x: torch.Tensor, targets: Targets, backward: Backward
    ) -> float:
        """Accumulate the gradients of a batch's loss, rewire after an epoch, return the loss."""
        loss = super().backward(network, x, targets, backward)
        self.course.count_batch()
        if self.rewiring is not None:
            self.rewiring.after_batch(network)
        return loss

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, without the kernels that do not exist."""
        if self.rewiring is not None:
            self.rewiring.apply(network)
        return super().output(network, x)

    def penalty(self, spikes: Sequence[torch.Tensor]) -> torch.Tensor | float:
        """Return the terms added to the task's loss, of each hidden layer's spikes."""
        penalty = super().penalty(spikes)
        weight = 0.0 if self.hinge is None else ramp(self.hinge, self.course.share)
        if self.hinge is None or not weight:
            return penalty
        return penalty + weight * hinge_penalty(spikes, self.hinge.target, self.hinge.depth)
