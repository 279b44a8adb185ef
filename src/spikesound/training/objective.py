"""The objective of a method: the task's loss, and what the method adds to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from spikesound.models.layers import spiking_neurons
from spikesound.snn.decoding import recorded_spikes
from spikesound.tasks.task import Targets
from spikesound.training.job import Job

Backward = Callable[[torch.Tensor], None]
"""Accumulates the gradients of a loss: Fabric's ``backward``, which scales them where it must."""


class Objective:
    """The task's loss of the network's output, by backpropagation.

    With the recipe's ``silence_weight`` the last clip of a batch is digital silence, and the mean
    firing rate in it, times that weight, is added.
    """

    def __init__(self, job: Job) -> None:
        self.task = job.task
        self.silence_weight = job.recipe.silence_weight

    def groups(self, network: nn.Module, rate: float) -> list[dict[str, Any]]:
        """Return the optimiser's groups: parameters, and the peak of their learning rate."""
        return [{"params": list(network.parameters()), "lr": rate}]

    def backward(
        self, network: nn.Module, x: torch.Tensor, targets: Targets, backward: Backward
    ) -> float:
        """Accumulate the gradients of a batch's loss in the parameters, and return the loss."""
        loss = self.loss(network, x, targets)
        backward(loss)
        return loss.item()

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch."""
        with recorded_spikes(spiking_neurons(network)) as spikes:
            loss = self.task.loss(self.output(network, x), targets)
        return loss + self.penalty(spikes)

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, in training and in validation."""
        return network(x)

    def penalty(self, spikes: Sequence[torch.Tensor]) -> torch.Tensor | float:
        """Return the term added to the task's loss, of each hidden layer's spikes."""
        if self.silence_weight is None or not spikes:
            return 0.0
        silent = torch.stack([layer[:, -1].mean() for layer in spikes]).mean()
        return self.silence_weight * silent
