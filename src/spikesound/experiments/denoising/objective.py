"""Objective of denoising: the squared error of a map of corrections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from spikesound.models.networks.detector import Frames
from spikesound.tasks.task import Figures, Floats, Targets


class Denoising:
    r"""Targets and objective of a network whose map is added to the noisy spectrogram.

    .. math:: L = \frac1{T B} \sum_{t, b} (x_{t,b} + y_{t,b} - s_{t,b})^2

    with levels x of the noisy clip and s of the clean one, scaled as the network's input is, and
    the network's map y.
    """

    frames = True
    shares = False
    unlabelled = True
    figures: tuple[str, ...] = ()

    def targets(self, present: Floats, active: npt.NDArray[np.bool_] | None) -> Targets:
        """Return the corrections s - x (frame, batch, bin), which stand in ``active``."""
        assert active is not None
        return (torch.from_numpy(np.ascontiguousarray(active.swapaxes(0, 1), np.float32)),)

    def loss(self, output: Frames, targets: Targets) -> torch.Tensor:
        """Return the mean squared error of a batch."""
        return functional.mse_loss(output.logits, targets[0])

    def validation(self, outputs: Sequence[Frames], targets: Sequence[Targets]) -> Figures:
        """Return the loss, a mean over clips."""
        sizes = [batch[0].shape[1] for batch in targets]
        losses = [self.loss(*pair).item() for pair in zip(outputs, targets, strict=True)]
        total = sum(loss * size for loss, size in zip(losses, sizes, strict=True))
        return {"validation_loss": total / sum(sizes)}
