"""Calibration of a trained model: probabilities, and what is of none of its classes.

It is fitted on validation clips (:mod:`spikesound.training.calibrate` for classifiers,
:mod:`spikesound.tasks.detection.event_calibration` for detectors), and lies in the model's file
beside the spec, which says how the network was trained and does not depend on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field

from spikesound.params import Count, Positive, Section, Share

NONE = "none of these"
"""The answer for sound of no class."""

ScoreKind = Literal["energy", "cosine"]

Finite = Annotated[float, Field(allow_inf_nan=False)]

LEAST = 1e-6
"""Lowest score of an event, and 1 less its highest, whose log odds are taken."""


class Calibration(Section):
    """Calibration of a classifier, as a file's header says it.

    Attributes
    ----------
    temperature : T, by which scores are divided before the softmax or sigmoid
    score : what tells known sound from other: see :meth:`Calibrated.score`
    threshold : a clip whose score is below it is of none of the classes
    refused : share of the validation clips of its classes that are refused at the threshold
    clips : validation clips that it was fitted on
    classes : of the network that it was fitted for; learnt sounds come behind them
    """

    temperature: Positive
    score: ScoreKind
    threshold: Finite
    refused: Share
    clips: Count
    classes: Count


class Prototypes(torch.nn.Module):
    """Mean activity of each class in the last hidden layer.

    Attributes
    ----------
    means : (class, synapse)
    """

    means: torch.Tensor

    def __init__(self, classes: int, synapses: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(classes, synapses))

    def similarity(self, hidden: torch.Tensor) -> torch.Tensor:
        r"""Return the cosine between clips' activity and each mean (clip, class).

        .. math:: \cos(h, \mu_c) = \frac{h^T \mu_c}{|h| |\mu_c|}

        It is 0 of a clip without activity.

        Parameters
        ----------
        hidden : activity of the last hidden layer (clip, synapse)
        """
        normalize = torch.nn.functional.normalize
        return normalize(hidden.double(), dim=1) @ normalize(self.means.double(), dim=1).T


@dataclass(frozen=True)
class Calibrated:
    """A calibration that can be applied.

    Attributes
    ----------
    values : as in the header
    prototypes : of the score ``cosine``; else None
    """

    values: Calibration
    prototypes: Prototypes | None = None

    def probabilities(self, scores: torch.Tensor, labels: str) -> torch.Tensor:
        r"""Return calibrated class probabilities (clip, class).

        .. math:: p_c = \frac{e^{z_c / T}}{\sum_k e^{z_k / T}}, \qquad
                  p_c = \frac{1}{1 + e^{-z_c / T}}

        of single labels, and of multiple labels. Learnt sounds, whose boundary was set on the
        scores as they are, keep their probabilities; the classes share what those leave.

        Parameters
        ----------
        scores : z, before the softmax or sigmoid (clip, class)
        labels : ``single`` or ``multiple``

        References
        ----------
        Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
        """
        count, scores = self.values.classes, scores.double()
        known, learnt = scores[:, :count], scores[:, count:]
        scaled = known / self.values.temperature
        if labels != "single":
            return torch.cat([scaled, learnt], 1).sigmoid()
        shares = scaled.log_softmax(1) + known.logsumexp(1, keepdim=True)
        return torch.cat([shares, learnt], 1).softmax(1)

    def score(self, scores: torch.Tensor, hidden: torch.Tensor | None, labels: str) -> torch.Tensor:
        r"""Return how much like the sound of its classes clips are, (clip,); higher is more.

        ``cosine`` is the similarity with the class means that the probabilities p make one expect,

        .. math:: s = \sum_c p_c \cos(h, \mu_c), \qquad s = \max_c p_c \cos(h, \mu_c),

        of single labels, and of multiple labels: it is low where no class is probable, and where
        the probable ones are active in another way. ``energy`` is the negative free energy,

        .. math:: s = \log \sum_c e^{z_c}, \qquad s = \sum_c \log(1 + e^{z_c}).

        Parameters
        ----------
        scores : as of :meth:`probabilities`; learnt sounds take no part
        hidden : activity h of the last hidden layer (clip, synapse)

        References
        ----------
        Hendrycks & Gimpel 2017, "A baseline for detecting misclassified and out-of-distribution
        examples in neural networks" (probability); Techapanurak et al. 2020, "Hyperparameter-free
        out-of-distribution detection using cosine similarity" (cosine); Liu et al. 2020,
        "Energy-based out-of-distribution detection", equation 4; Wang et al. 2021, "Can multi-label
        classification networks know what they don't know?", equation 6.
        """
        known = scores[:, : self.values.classes]
        if self.prototypes is None:
            return energy(known, labels)
        assert hidden is not None
        expected = self.probabilities(known, labels) * self.prototypes.similarity(hidden)
        return expected.sum(1) if labels == "single" else expected.amax(1)

    def refused(
        self, scores: torch.Tensor, hidden: torch.Tensor | None, labels: str
    ) -> torch.Tensor:
        """Return which clips are of none of the classes (clip,).

        A clip whose most probable class is a learnt sound is not: the rule that learnt it has set
        it against other sounds.
        """
        below = self.score(scores, hidden, labels) < self.values.threshold
        best = self.probabilities(scores, labels).argmax(1)
        return below & (best < self.values.classes)


def energy(scores: torch.Tensor, labels: str) -> torch.Tensor:
    """Return the negative free energy of scores (clip, class): see :meth:`Calibrated.score`."""
    scores = scores.double()
    if labels == "single":
        return scores.logsumexp(1)
    return torch.nn.functional.softplus(scores).sum(1)


class EventCalibration(Section):
    r"""Calibration of a detector's events, whose decision rule stays as it is.

    .. math:: p = \sigma\left(a \log \frac{s}{1 - s} + b_c\right)

    is the probability that an event of class c with score s, the highest filtered probability in
    it, is a true one.

    Attributes
    ----------
    slope, offsets : a, and b of each class; learnt sounds come behind them
    threshold : an event less probable is of none of the classes
    refused : share of the true events found on the validation clips that are refused by it
    events : found on the validation clips
    """

    slope: Positive
    offsets: list[Finite]
    threshold: Share
    refused: Share
    events: Count

    def probability(self, column: int, score: float) -> float:
        """Return the probability that an event of a class (column) is true."""
        kept = min(max(score, LEAST), 1 - LEAST)
        odds = self.slope * math.log(kept / (1 - kept)) + self.offsets[column]
        return 0.5 * (1 + math.tanh(0.5 * odds))

    def answer(self, column: int, label: str, score: float) -> tuple[str, float]:
        """Return the label of an event and its probability.

        Of an event that is refused they are :data:`NONE` and the probability that it is not true.
        An event of a learnt sound stays as it is.
        """
        if column >= len(self.offsets):
            return label, score
        probability = self.probability(column, score)
        if probability < self.threshold:
            return NONE, 1 - probability
        return label, probability
