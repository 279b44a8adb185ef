"""Pooling of a class's frame probabilities to one probability of the clip."""

from __future__ import annotations

import torch

from spikesound.models.networks.detector import Frames


def pooled(frames: Frames) -> torch.Tensor:
    """Return each class's probability for the clip (batch, class).

    With a head for attention, :math:`\\hat p = \\sum_t a_t p_t` with :math:`a` the softmax of its
    logits over frames; else linear softmax,

    .. math:: \\hat p = \\frac{\\sum_t p_t^2}{\\sum_t p_t}.

    References
    ----------
    Wang, Li & Metze 2019, "A comparison of five multiple instance learning pooling functions for
    sound event detection with weak labeling", table 1.
    """
    probabilities = torch.sigmoid(frames.logits)
    if frames.attention is not None:
        return (torch.softmax(frames.attention, 0) * probabilities).sum(0)
    return probabilities.square().sum(0) / probabilities.sum(0).clamp(min=1e-7)
