"""Read-outs of spike counts: a class for each neuron, or a linear one. Only they see labels.

Diehl & Cook 2015, "Unsupervised learning of digit recognition using spike-timing-dependent
plasticity", section 2.6, give each neuron the class in whose clips it spiked most.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from spikesound.training.methods.count_readout import ITERATIONS, PENALTIES

Counts = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Assigned:
    """Classes of neurons.

    Attributes
    ----------
    classes : class of each neuron, -1 of one that never spiked [shape=(neuron,)]
    proportions : share of each class in its mean counts [shape=(neuron, class)]
    """

    classes: Labels
    proportions: npt.NDArray[np.float64]


def assign(counts: Counts, labels: Labels, classes: int) -> Assigned:
    """Return the class of each neuron: that of the highest mean count over the class's clips.

    .. math:: r_{jk} = \\operatorname{mean}_{i: y_i = k} c_{ij}, \\qquad
              p_{jk} = r_{jk} / \\sum_l r_{jl}, \\qquad a_j = \\arg\\max_k p_{jk}

    Parameters
    ----------
    counts : of the training clips [shape=(clip, neuron)]
    labels : their classes [shape=(clip,)]
    classes : how many there are

    Notes
    -----
    Of equal rates the first class is taken; BindsNET draws one.
    """
    rates = np.zeros((counts.shape[1], classes))
    for number in set(labels.tolist()):
        rates[:, number] = counts[labels == number].mean(0)
    total = rates.sum(1, keepdims=True)
    proportions = np.divide(rates, total, out=np.zeros_like(rates), where=total > 0)
    return Assigned(np.where(total[:, 0] > 0, rates.argmax(1), -1), proportions)


def all_activity(counts: Counts, assigned: Assigned) -> Labels:
    """Return the class whose neurons have the highest mean count, -1 where none spikes.

    Parameters
    ----------
    counts : [shape=(clip, neuron)]
    """
    return _voted(counts, assigned, np.ones_like(assigned.proportions))


def proportion_weighting(counts: Counts, assigned: Assigned) -> Labels:
    """Return the same, each count weighted by the neuron's share of its own class."""
    return _voted(counts, assigned, assigned.proportions)


def _voted(counts: Counts, assigned: Assigned, weights: npt.NDArray[np.float64]) -> Labels:
    own = assigned.classes[:, None] == np.arange(weights.shape[1])
    scores = counts @ (own * weights / np.maximum(own.sum(0), 1))
    return np.where(scores.any(1), scores.argmax(1), -1)


def logistic_regression(
    training: tuple[Counts, Labels], validation: tuple[Counts, Labels], counts: Counts
) -> Labels:
    """Return the classes by multinomial logistic regression on counts.

    It is the read-out of method ``stdp`` (:mod:`spikesound.training.methods.count_readout`): counts
    over the roots of their means, the penalty with the lowest loss on validation clips.

    Parameters
    ----------
    training, validation : counts [shape=(clip, neuron)] and classes [shape=(clip,)]
    counts : to classify
    """
    mean = training[0].mean(0)
    scale = 1 / np.sqrt(np.maximum(mean, 1 / len(training[0])))
    known = np.unique(training[1])
    best, lowest = None, np.inf
    for penalty in PENALTIES:
        model = LogisticRegression(C=1 / (penalty * len(training[1])), max_iter=ITERATIONS)
        with warnings.catch_warnings():  # as many iterations as the method has
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(training[0] * scale, training[1])
        loss = log_loss(validation[1], model.predict_proba(validation[0] * scale), labels=known)
        if loss < lowest:
            best, lowest = model, loss
    assert best is not None
    predicted: Labels = best.predict(counts * scale)
    return predicted
