"""Objective of classification: single labels by softmax, multiple labels by sigmoid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from spikesound.snn.decoding import cross_entropy
from spikesound.tasks.multilabel import mean_average_precision
from spikesound.tasks.task import Figures, Floats, Targets


class SingleLabel:
    """Cross-entropy of the softmax against targets of sum one."""

    frames = False
    shares = True
    unlabelled = False
    figures: tuple[str, ...] = ("validation_accuracy",)

    def targets(self, present: Floats, active: npt.NDArray[np.bool_] | None) -> Targets:
        """Return which labels each clip has (batch, class)."""
        return (torch.from_numpy(present),)

    def loss(self, output: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return :func:`spikesound.snn.decoding.cross_entropy` of scores (batch, class)."""
        return cross_entropy(output, targets[0])

    def validation(self, outputs: Sequence[torch.Tensor], targets: Sequence[Targets]) -> Figures:
        """Return the loss over all clips, and the accuracy; any of a clip's labels is right."""
        scores, present = torch.cat(list(outputs)), torch.cat([batch[0] for batch in targets])
        right = present.gather(1, scores.argmax(1, keepdim=True)) > 0
        return {
            "validation_loss": self.loss(scores, (present,)).item(),
            "validation_accuracy": float(right.double().mean()),
        }


class MultipleLabels(SingleLabel):
    """Binary cross-entropy of the sigmoid, a mean over clips and classes."""

    shares = False
    unlabelled = True
    figures: tuple[str, ...] = ("validation_map",)

    def loss(self, output: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the binary cross-entropy of scores (batch, class).

        .. math:: L = -\\frac{1}{B C} \\sum_{b, c} y_{bc} \\log \\sigma(z_{bc}) +
                  (1 - y_{bc}) \\log (1 - \\sigma(z_{bc}))
        """
        return functional.binary_cross_entropy_with_logits(output, targets[0])

    def validation(self, outputs: Sequence[torch.Tensor], targets: Sequence[Targets]) -> Figures:
        """Return the loss over all clips, and the mean average precision over classes."""
        scores, present = torch.cat(list(outputs)), torch.cat([batch[0] for batch in targets])
        return {
            "validation_loss": self.loss(scores, (present,)).item(),
            "validation_map": _mean_average_precision(scores, present),
        }


def _mean_average_precision(scores: torch.Tensor, present: torch.Tensor) -> float:
    once = np.ones((1, len(scores)))
    return float(mean_average_precision(scores.double().numpy(), present.numpy() > 0, once)[0])
