"""A delta rule: one new neuron of a read-out learns a sound from its own synapses alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesound.inference.learnt.activity import Activity

Floats = npt.NDArray[np.float32]

MOST_ROWS = 1000
"""Rows of each side that are learnt from, taken evenly from those that there are."""

LEAST_SPREAD = 0.1
"""Lowest deviation of a synapse's input, over the root mean square of all synapses' deviations."""


@dataclass(frozen=True)
class DeltaRule:
    """Settings of the rule, which ``benchmarks/learn`` compares with prototypes. No command learns
    by it. The defaults are those with the best mean on validation recordings there.

    Attributes
    ----------
    rate : learning rate, over the number of synapses
    passes : updates, each by the mean over all rows
    share : weight of the rows with the sound; that of the others is the rest of 1
    """

    rate: float = 1.0
    passes: int = 100
    share: float = 0.2


def learn(
    sound: Sequence[Activity], others: Sequence[Activity], rule: DeltaRule | None = None
) -> Floats:
    """Return the weights (synapse,) of a neuron that is active for a sound and not for others.

    .. math::
        \\Delta w_j = \\frac{\\eta}{n} \\sum_r c_r (y_r - p_r) \\, \\hat x_{rj}, \\qquad
        p_r = \\sigma\\Big(\\sum_j w_j \\hat x_{rj} - k_r\\Big)

    with target y, activity :math:`\\hat x` of a synapse less its mean and over its deviation, and
    what the known classes have against the sound, k. An update needs what the synapse itself sees
    and the neuron's error, no gradient through the network. Each recording counts as much as the
    others of its side. Means and deviations are put into the weights in the end.

    Parameters
    ----------
    sound : recordings with the sound, of which the active rows are learnt
    others : recordings without it

    References
    ----------
    Widrow & Hoff 1960, "Adaptive switching circuits"; with traces of spikes it is the read-out's
    part of e-prop (Bellec et al. 2020, "A solution to the learning dilemma for recurrent networks
    of spiking neurons", equation 4).
    """
    rule = rule or DeltaRule()
    sides = [_side([each.active for each in sound], sound, rule.share)]
    sides.append(_side([np.ones(len(each.rows), bool) for each in others], others, 1 - rule.share))
    x, known, counted = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    target = np.repeat(np.array([1, 0], np.float32), [len(side[0]) for side in sides])
    mean, deviation = spread(x[:, :-1], counted)
    x = np.concatenate([(x[:, :-1] - mean) / deviation, np.ones((len(x), 1), np.float32)], 1)
    weights = np.zeros(x.shape[1], np.float32)
    step = np.float32(rule.rate / len(weights))
    for _ in range(rule.passes):
        error = target - sigmoid(x @ weights - known)
        weights += step * ((counted * error) @ x)
    weights[:-1] /= deviation
    weights[-1] -= weights[:-1] @ mean
    return weights


def sigmoid(x: Floats) -> Floats:
    """Return the logistic function, without overflow."""
    found: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return found


def _side(
    chosen: Sequence[npt.NDArray[np.bool_]], recordings: Sequence[Activity], share: float
) -> tuple[Floats, Floats, Floats]:
    """Return rows, what is against them, and how much each counts: ``share`` together."""
    pairs = list(zip(recordings, chosen, strict=True))
    x = np.concatenate([each.rows[rows] for each, rows in pairs])
    known = np.concatenate([each.known[rows] for each, rows in pairs])
    counted = np.concatenate([np.full(rows.sum(), 1 / rows.sum()) for _, rows in pairs])
    every = -(-len(x) // MOST_ROWS)
    x, known, counted = x[::every], known[::every], counted[::every]
    return x, known, (share * counted / counted.sum()).astype(np.float32)


def spread(x: Floats, counted: Floats) -> tuple[Floats, Floats]:
    """Return mean and deviation of each column; no deviation is near 0."""
    mean = counted @ x
    variance = np.maximum(counted @ np.square(x) - np.square(mean), 0)
    least = LEAST_SPREAD**2 * variance.mean() + np.finfo(np.float32).tiny
    return mean, np.sqrt(np.maximum(variance, least))
