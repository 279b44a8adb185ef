"""A method's objective over the batch of all ranks."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from spikesound.models.layers import spiking_neurons
from spikesound.snn.decoding import recorded_spikes
from spikesound.tasks.task import Targets
from spikesound.training.objective import Objective
from spikesound.training.parallel.share import BatchShare
from spikesound.training.parallel.sums import means


class RankObjective(Objective):
    """One rank's part of an objective: the parts of all ranks add up to that of the whole batch.

    .. math:: L = \\sum_r L_r, \\qquad
              L_r = \\frac{n_r}{n} \\ell_r + \\frac{1}{R} P(\\bar s_1, \\bar s_2, \\ldots) + w q_r

    with the task's loss l, a mean over clips; a penalty P of each layer's mean firing rate over all
    ranks; and the firing rate q in digital silence, which is a clip of the first rank.

    Parameters
    ----------
    whole : of the method; what it adds to the task's loss depends on layers' mean firing rates, and
        on silence
    share : of the batch
    """

    def __init__(self, whole: Objective, share: BatchShare) -> None:
        self.whole, self.share = whole, share
        self.task, self.silence_weight = whole.task, whole.silence_weight
        self._of_rates = copy.copy(whole)
        self._of_rates.silence_weight = None

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return this rank's part of the loss."""
        with recorded_spikes(spiking_neurons(network)) as spikes:
            loss = self.task.loss(self.output(network, x), targets)
        return self.share.part * loss + self.penalty(spikes)

    def output(self, network: nn.Module, x: torch.Tensor) -> Any:
        """Return the network's output, as the method computes it."""
        return self.whole.output(network, x)

    def penalty(self, spikes: Sequence[torch.Tensor]) -> torch.Tensor | float:
        """Return this rank's part of the term added to the task's loss."""
        if not spikes:
            return 0.0
        silence = 0.0 if self.share.rank else super().penalty(spikes)
        return silence + self._of_rates.penalty(means(spikes)) / self.share.ranks
