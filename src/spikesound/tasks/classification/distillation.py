"""Distillation: the objective of classification with a teacher's part."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from spikesound.tasks.classification.objective import MultipleLabels, SingleLabel
from spikesound.tasks.task import Targets, Task


def distillation_loss(
    scores: torch.Tensor, taught: torch.Tensor, temperature: float, *, single: bool
) -> torch.Tensor:
    r"""Return how far a network's probabilities are from its teacher's.

    .. math:: L = \frac{\tau^2}{B} \sum_b \mathrm{KL}\big(q_b \,\|\, \sigma(z_b / \tau)\big)

    with the softmax of single labels for :math:`\sigma`; of several labels the mean over classes of
    the divergence of each one's probability. A row of q that is zero, of a clip without labels,
    adds nothing to the loss of single labels.

    Parameters
    ----------
    scores : z of the network (batch, class)
    taught : q, the teacher's probabilities at this temperature (:func:`tempered`) (batch, class)
    temperature : tau

    References
    ----------
    Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network", section 2.
    """
    ours = scores / temperature
    if single:
        divergence = functional.kl_div(ours.log_softmax(-1), taught, reduction="batchmean")
    else:
        entropy = -(torch.xlogy(taught, taught) + torch.xlogy(1 - taught, 1 - taught)).mean()
        divergence = functional.binary_cross_entropy_with_logits(ours, taught) - entropy
    return temperature**2 * divergence


def tempered(scores: torch.Tensor, temperature: float, *, single: bool) -> torch.Tensor:
    """Return probabilities of scores (..., class) over a temperature: softmax, or sigmoid."""
    softened = scores / temperature
    return softened.softmax(-1) if single else softened.sigmoid()


class _Taught:
    r"""The labels' loss, and the divergence from the teacher where the targets have its part.

    .. math:: (1 - w) \, L_{labels} + w \, L_{teacher}

    Targets of a batch are those of the labels and, last, the teacher's probabilities. Those of
    validation are the labels alone, and so is its loss.
    """

    def __init__(self, temperature: float, weight: float) -> None:
        self.temperature, self.weight = temperature, weight

    def loss(self: Any, output: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the objective of a batch."""
        hard: torch.Tensor = super().loss(output, targets)  # type: ignore[misc]
        if len(targets) == 1:
            return hard
        soft = distillation_loss(output, targets[-1], self.temperature, single=self.shares)
        total: torch.Tensor = (1 - self.weight) * hard + self.weight * soft
        return total


class TaughtSingleLabel(_Taught, SingleLabel):
    """Single labels with a teacher."""


class TaughtMultipleLabels(_Taught, MultipleLabels):
    """Multiple labels with a teacher."""


def taught_task(task: Task, temperature: float, weight: float) -> Task:
    """Return the task of a classifier with a teacher's part in its loss."""
    if task.shares:
        return TaughtSingleLabel(temperature, weight)
    return TaughtMultipleLabels(temperature, weight)
