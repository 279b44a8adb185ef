"""How far a classifier's probabilities are shares of right answers: expected calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.tasks.multilabel import Flags, Scores

BINS = 15
"""As in Guo et al. 2017."""


def expected_calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS
) -> float:
    r"""Return the mean distance between confidence and share of right answers, over answers.

    .. math:: \mathrm{ECE} = \sum_m \frac{|B_m|}{n}
              \left| \frac{1}{|B_m|} \sum_{i \in B_m} r_i -
              \frac{1}{|B_m|} \sum_{i \in B_m} p_i \right|

    with the bins :math:`B_m` of answers whose confidence lies in :math:`((m - 1) / M, m / M]`.

    Parameters
    ----------
    confidence : probability p of each answer (answer,)
    right : whether it is right, r (answer,)
    bins : M, of equal width

    Raises
    ------
    SpikesoundError
        If there is no answer, the shapes differ, or a confidence is not within [0, 1].

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    p, r = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if p.ndim != 1 or p.shape != r.shape or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise SpikesoundError(
            f"calibration error: expected as many confidences in [0, 1] as answers, got shapes "
            f"{p.shape} and {r.shape}"
        )
    number = np.clip(np.ceil(p * bins).astype(int) - 1, 0, bins - 1)
    apart = np.bincount(number, r - p, bins)
    return float(np.abs(apart).sum() / len(p))


def answers(
    probabilities: Scores, targets: Flags, *, multilabel: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidence and rightness of a classifier's answers, each (answer,).

    Of single labels an answer is a clip's most probable class, which is right if the clip has it;
    of multiple labels each class of each clip is one, and right if the clip has the class.

    Parameters
    ----------
    probabilities, targets : (clip, class)
    multilabel : whether each class has a probability of its own
    """
    p, true = np.asarray(probabilities, np.float64), np.asarray(targets, bool)
    if multilabel:
        return p.ravel(), true.ravel()
    best = p.argmax(1)
    rows = np.arange(len(p))
    return p[rows, best], true[rows, best]
