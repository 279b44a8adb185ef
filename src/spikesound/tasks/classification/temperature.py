"""Temperature scaling: one number by which a classifier's scores are divided."""

from __future__ import annotations

import math

import torch

RANGE = (0.05, 20.0)
"""Lowest and highest temperature."""

STEPS = 60
"""Golden sections: each leaves 0.618 of the interval."""


def fit_temperature(scores: torch.Tensor, present: torch.Tensor, labels: str) -> float:
    r"""Return the temperature of the lowest negative log-likelihood on validation clips.

    .. math:: \arg\min_T - \sum_{i, c} y_{ic} \log \frac{e^{z_{ic} / T}}{\sum_k e^{z_{ik} / T}}

    with targets that sum to one; of multiple labels the binary cross-entropy of
    :math:`\sigma(z_{ic} / T)`. Both are convex in :math:`1 / T`, and so have one lowest point along
    :math:`\log T`, which golden sections find.

    Parameters
    ----------
    scores : z, before the softmax or sigmoid (clip, class)
    present : which classes each clip has (clip, class)
    labels : ``single`` or ``multiple``

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
    """
    scores, present = scores.double(), present.double()

    def loss(log_t: float) -> float:
        return _likelihood(scores / math.exp(log_t), present, labels)

    low, high = (math.log(each) for each in RANGE)
    golden = (math.sqrt(5) - 1) / 2
    inner = [high - golden * (high - low), low + golden * (high - low)]
    values = [loss(each) for each in inner]
    for _ in range(STEPS):
        if values[0] <= values[1]:
            high, inner[1], values[1] = inner[1], inner[0], values[0]
            inner[0] = high - golden * (high - low)
            values[0] = loss(inner[0])
        else:
            low, inner[0], values[0] = inner[0], inner[1], values[1]
            inner[1] = low + golden * (high - low)
            values[1] = loss(inner[1])
    return math.exp((low + high) / 2)


def _likelihood(scores: torch.Tensor, present: torch.Tensor, labels: str) -> float:
    if labels != "single":
        return torch.nn.functional.binary_cross_entropy_with_logits(scores, present).item()
    shares = present / present.sum(1, keepdim=True)
    return -(shares * scores.log_softmax(1)).sum(1).mean().item()
