"""Objective of detection: binary cross-entropy of frames, of clips, or of both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.models.networks.detector import Frames
from spikesound.tasks.detection.lookahead import of_frames
from spikesound.tasks.detection.pooling import pooled
from spikesound.tasks.task import Figures, Floats, Targets


def detection_loss(
    frames: Frames,
    strong: torch.Tensor,
    weak: torch.Tensor,
    labels: str,
    weak_weight: float,
) -> torch.Tensor:
    """Return the binary cross-entropy of frames (``strong``), of clips (``weak``) or of ``both``.

    .. math:: L_{both} = L_{strong} + \\lambda L_{weak}

    each a mean over classes and over frames or clips. The clip's probability is pooled from the
    frames' (:func:`spikesound.tasks.detection.pooling.pooled`).

    Parameters
    ----------
    strong : which class sounds in which frame (time, batch, class)
    weak : which class sounds in the clip (batch, class)
    weak_weight : lambda
    """
    loss = frames.logits.new_zeros(())
    if labels != "weak":
        loss = loss + functional.binary_cross_entropy_with_logits(frames.logits, strong)
    if labels != "strong":
        clips = pooled(frames).clamp(1e-6, 1 - 1e-6)
        weight = 1.0 if labels == "weak" else weak_weight
        loss = loss + weight * functional.binary_cross_entropy(clips, weak)
    return loss


class Detection:
    """Targets and objective of frames and clips.

    Parameters
    ----------
    labels : strong (frames), weak (clips) or both
    weak_weight : of the clips' loss beside the frames', for both
    lookahead : frames by which outputs come later; the last frames of a clip take no part, though a
        class that begins in them is among the clip's labels
    """

    frames = True
    shares = False
    unlabelled = True
    figures: tuple[str, ...] = ()

    def __init__(self, labels: str, weak_weight: float, lookahead: int = 0) -> None:
        self.labels, self.weak_weight, self.lookahead = labels, weak_weight, lookahead

    def targets(self, present: Floats, active: npt.NDArray[np.bool_] | None) -> Targets:
        """Return which class sounds in each frame (frame, batch, class), and in each clip."""
        assert active is not None
        strong = torch.from_numpy(np.ascontiguousarray(active.swapaxes(0, 1), np.float32))
        return strong, torch.from_numpy(present)

    def loss(self, output: Frames, targets: Targets) -> torch.Tensor:
        """Return :func:`detection_loss`.

        Raises
        ------
        SpikesoundError
            If clips have no more frames than the look-ahead.
        """
        strong, weak = targets
        if len(strong) <= self.lookahead:
            raise SpikesoundError(
                f"tasks.detection.lookahead_s: {self.lookahead} frames; clips have {len(strong)}, "
                "and must have more"
            )
        output = of_frames(output, self.lookahead)
        strong = strong[: len(output.logits)]
        return detection_loss(output, strong, weak, self.labels, self.weak_weight)

    def validation(self, outputs: Sequence[Frames], targets: Sequence[Targets]) -> Figures:
        """Return the loss, a mean over clips."""
        sizes = [len(batch[1]) for batch in targets]
        losses = [self.loss(*pair).item() for pair in zip(outputs, targets, strict=True)]
        total = sum(loss * size for loss, size in zip(losses, sizes, strict=True))
        return {"validation_loss": total / sum(sizes)}
