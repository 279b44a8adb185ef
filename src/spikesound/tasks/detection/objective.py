"""What a detector's training lowers, by the labels that it is given."""

from __future__ import annotations

import torch
from torch.nn import functional

from spikesound.models.networks.detector import Frames
from spikesound.params import LabelKind
from spikesound.tasks.detection.pooling import pooled


def detection_loss(
    frames: Frames,
    strong: torch.Tensor,
    weak: torch.Tensor,
    labels: LabelKind,
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
