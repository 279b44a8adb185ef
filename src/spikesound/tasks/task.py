"""Interface of a task: targets, objective, decision and metrics; nothing else differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float32]
Targets = tuple[torch.Tensor, ...]
Figures = dict[str, float]


class Task(Protocol):
    """Targets and objective of a task, for training.

    Attributes
    ----------
    frames : whether networks put out frames, and so take ``(frame, batch, bin)``
    shares : whether the labels of a clip are shares of one, which augmentation keeps so
    unlabelled : whether a clip may have no label
    figures : names of what :meth:`validation` gives beside the loss
    """

    frames: bool
    shares: bool
    unlabelled: bool
    figures: tuple[str, ...]

    def targets(self, present: Floats, active: npt.NDArray[np.bool_] | None) -> Targets:
        """Return the targets of a batch.

        Parameters
        ----------
        present : which labels each clip has (clip, class)
        active : which class sounds in each frame (clip, frame, class)
        """
        ...

    def loss(self, output: Any, targets: Targets) -> torch.Tensor:
        """Return the objective of a batch: a mean over its clips, as a tensor of no axes."""
        ...

    def validation(self, outputs: Sequence[Any], targets: Sequence[Targets]) -> Figures:
        """Return ``validation_loss`` of batches, and :attr:`figures`."""
        ...


def batched(x: Floats, *, frames: bool) -> torch.Tensor:
    """Return the input of a network, from the inputs (clip, step, frame, bin) of a batch.

    (step, batch, frame, bin), contiguous; for networks that put out frames (frame, batch, bin).
    """
    x = x[:, 0] if frames else x
    return torch.from_numpy(np.ascontiguousarray(x.swapaxes(0, 1), np.float32))
