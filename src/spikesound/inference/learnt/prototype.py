"""Prototypes: one new neuron of a read-out from the mean activity of a sound and that of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesound.inference.learnt.activity import Activity

Floats = npt.NDArray[np.float32]

LEAST_SPREAD = 0.1
"""Lowest deviation of a synapse's input, over the root mean square of all synapses' deviations."""


@dataclass(frozen=True)
class Prototypes:
    """Settings of the rule, by which the commands learn. The defaults are those with the best mean
    on validation recordings in ``benchmarks/learn``, of the rules and settings compared there.

    Attributes
    ----------
    shrinkage : share of the covariance's part outside of its diagonal that is left out: 1 leaves
        the deviation of each synapse
    scale : potential of the sound's prototype less that of the others'
    """

    shrinkage: float = 0.3
    scale: float = 10.0


def learn(
    sound: Sequence[Activity], others: Sequence[Activity], rule: Prototypes | None = None
) -> Floats:
    """Return the weights (synapse,) of a neuron that is active near a sound's prototype.

    .. math::
        w = s \\, \\frac{\\Sigma^{-1} (c - m)}{(c - m)^T \\Sigma^{-1} (c - m)}, \\qquad
        b = -\\frac{w^T (c + m)}{2}

    with the mean activity c of the sound's recordings, mean m and covariance :math:`\\Sigma` of the
    others', and scale s. The potential is the difference of the squared Mahalanobis distances to
    the two prototypes, c and m, scaled: it is s / 2 at c and -s / 2 at m. Each recording counts as
    much as the others of its side.

    Parameters
    ----------
    sound : recordings with the sound, of which the active rows are learnt
    others : recordings without it

    References
    ----------
    Snell et al. 2017, "Prototypical networks for few-shot learning", equation 8 (the classifier is
    linear); Friedman 1989, "Regularized discriminant analysis" (shrinkage).
    """
    rule = rule or Prototypes()
    centre = np.mean([each.rows[each.active, :-1].mean(0) for each in sound], 0, dtype=np.float64)
    x = np.concatenate([each.rows[:, :-1] for each in others]).astype(np.float64)
    counted = np.concatenate(
        [np.full(len(each.rows), 1 / len(each.rows) / len(others)) for each in others]
    )
    mean = counted @ x
    x -= mean
    covariance = (1 - rule.shrinkage) * (x.T @ (counted[:, None] * x))
    variance = counted @ np.square(x)
    least = LEAST_SPREAD**2 * variance.mean() + np.finfo(np.float32).tiny
    np.fill_diagonal(covariance, np.maximum(variance, least))
    weights = np.linalg.solve(covariance, centre - mean)
    distance = max(float(weights @ (centre - mean)), float(np.finfo(np.float32).tiny))
    weights *= rule.scale / distance
    found: Floats = np.append(weights, -weights @ (centre + mean) / 2).astype(np.float32)
    return found
