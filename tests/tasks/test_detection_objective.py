"""Objective of detection: pooling over frames, and the loss of each kind of labels."""

from __future__ import annotations

import pytest
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.models.networks.detector import Frames
from spikesound.tasks.detection.objective import Detection, detection_loss
from spikesound.tasks.detection.pooling import pooled


def test_pooling_is_that_of_its_equations() -> None:
    logits = torch.randn(5, 2, 3)
    p = torch.sigmoid(logits)
    assert torch.allclose(pooled(Frames(logits, None)), (p**2).sum(0) / p.sum(0))
    attention = torch.randn(5, 2, 3)
    share = attention.exp() / attention.exp().sum(0)
    assert torch.allclose(pooled(Frames(logits, attention)), (share * p).sum(0), atol=1e-6)


def test_the_loss_depends_on_the_chosen_labels_only() -> None:
    logits = torch.randn(6, 4, 2, requires_grad=True)
    frames = Frames(logits, None)
    strong, weak = (torch.rand(6, 4, 2) > 0.5).float(), (torch.rand(4, 2) > 0.5).float()
    other_strong, other_weak = 1 - strong, 1 - weak
    strong_loss = detection_loss(frames, strong, weak, "strong", 1.0)
    weak_loss = detection_loss(frames, strong, weak, "weak", 1.0)
    assert strong_loss == detection_loss(frames, strong, other_weak, "strong", 1.0)
    assert weak_loss == detection_loss(frames, other_strong, weak, "weak", 1.0)
    both = detection_loss(frames, strong, weak, "both", 0.25)
    assert both.item() == pytest.approx((strong_loss + 0.25 * weak_loss).item())


def test_a_look_ahead_compares_outputs_with_earlier_frames() -> None:
    """Outputs that tell the classes of two frames before have no loss; the same at once have."""
    generator = torch.Generator().manual_seed(4)
    strong = (torch.rand(9, 2, 3, generator=generator) > 0.5).float()
    late = torch.cat([torch.zeros(2, 2, 3), strong[:-2]])
    outputs = Frames(40 * late - 20, None)
    targets = strong, strong.amax(0)
    for labels in ("strong", "both"):
        assert Detection(labels, 0.0, lookahead=2).loss(outputs, targets) < 1e-6
        assert Detection(labels, 0.0).loss(outputs, targets) > 1


def test_weak_labels_do_not_hear_the_outputs_before_the_first_frame() -> None:
    """A class that is put out before the look-ahead has passed is of no frame."""
    logits = torch.full((6, 1, 2), -20.0)
    logits[1, 0, 0] = 20.0
    logits[4, 0, 1] = 20.0
    outputs, strong = Frames(logits, None), torch.zeros(6, 1, 2)
    second = torch.tensor([[0.0, 1.0]])
    assert Detection("weak", 1.0, lookahead=2).loss(outputs, (strong, second)) < 1e-5
    assert Detection("weak", 1.0).loss(outputs, (strong, second)) > 1


def test_clips_that_the_look_ahead_outlasts_are_refused() -> None:
    outputs, strong = Frames(torch.zeros(3, 1, 2), None), torch.zeros(3, 1, 2)
    with pytest.raises(SpikesoundError, match="3 frames; clips have 3"):
        Detection("strong", 1.0, lookahead=3).loss(outputs, (strong, strong[0]))
