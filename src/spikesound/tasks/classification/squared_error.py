"""Objective of single labels by squared error: one spike for the class, none for the others."""

from __future__ import annotations

import torch
from torch.nn import functional

from spikesound.tasks.classification.objective import SingleLabel
from spikesound.tasks.task import Targets


class SquaredError(SingleLabel):
    r"""Squared error of class scores, such as spike counts, against targets of sum one.

    .. math:: L = \frac{1}{B C} \sum_{b, c} (z_{bc} - y_{bc})^2

    References
    ----------
    Kheradpisheh, Mirsadeghi & Masquelier 2022, "Spiking neural networks trained via proxy", and its
    code (github.com/SRKH/ProxyLearning): spike counts against one-hot labels.
    """

    def loss(self, output: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the mean squared error of scores (batch, class)."""
        return functional.mse_loss(output, targets[0])
