"""Objective of detection: pooling over frames, and the loss of each kind of labels."""

from __future__ import annotations

import pytest
import torch

from spikesound.models.networks.detector import Frames
from spikesound.tasks.detection.objective import detection_loss
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
