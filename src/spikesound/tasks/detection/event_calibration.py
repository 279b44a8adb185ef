"""Calibration of a detector's events on validation clips: the probability that an event is true."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.models.calibration import LEAST, EventCalibration
from spikesound.models.spec import Decision
from spikesound.tasks.detection.decision import Event, Frames, events
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics.truth import EventsOfClips

REFUSED = 0.05
"""Share of the true events that the threshold refuses, at most."""

OVERLAP = 0.5
"""Least share of an event that lies in true events of its class, of a true one."""

PENALTY = 1.0
"""Of the squares of what classes' offsets differ by from the common one: few events, small ones."""

LEAST_SLOPE = 0.1
STEPS = 50

Values = NDArray[np.float64]


class Found(NamedTuple):
    """An event found on a validation clip: its class, its score, and whether it is a true one."""

    column: int
    score: float
    true: bool


def calibrate_events(
    scores: Mapping[str, Frames],
    truth: EventsOfClips,
    seconds: Mapping[str, float],
    labels: Sequence[str],
    decision: Decision,
    *,
    hop_s: float,
) -> EventCalibration | None:
    """Return the calibration of a detector's events; None where there is no true or no false one.

    The threshold is the highest probability below which at most 5 % of the true events lie.

    Parameters
    ----------
    scores : probabilities before the median filter by clip, each (frame, class)
    truth : true events of each clip
    seconds : length of each clip
    labels : label ids in class order
    decision : tuned thresholds and median filters, by which events are found
    hop_s : from one frame to the next
    """
    found = found_events(scores, truth, seconds, labels, decision, hop_s=hop_s)
    true = [each for each in found if each.true]
    if not true or len(true) == len(found):
        return None
    slope, offsets = fit(found, len(labels))
    fitted = EventCalibration(
        slope=slope, offsets=offsets.tolist(), threshold=0.0, refused=0.0, events=len(found)
    )
    probable = np.sort([fitted.probability(each.column, each.score) for each in true])
    threshold = float(probable[math.floor(REFUSED * len(probable))])
    refused = float((probable < threshold).mean())
    return fitted.model_copy(update={"threshold": threshold, "refused": refused})


def found_events(
    scores: Mapping[str, Frames],
    truth: EventsOfClips,
    seconds: Mapping[str, float],
    labels: Sequence[str],
    decision: Decision,
    *,
    hop_s: float,
) -> list[Found]:
    """Return the events by the decision rule, true ones if at least half of them is in the truth.

    Parameters as of :func:`calibrate_events`.
    """
    column = {label: number for number, label in enumerate(labels)}
    found = []
    for clip, of_clip in sorted(scores.items()):
        filtered = median(of_clip, decision.medians)
        for event in events(
            filtered, decision.thresholds, labels=labels, hop_s=hop_s, seconds=seconds[clip]
        ):
            length = event.offset_s - event.onset_s
            true = _common_s(event, truth.get(clip, ())) >= OVERLAP * length
            found.append(Found(column[event.label], event.score, true))
    return found


def fit(found: Sequence[Found], classes: int) -> tuple[float, Values]:
    r"""Return the slope and the classes' offsets of the penalised logistic regression.

    .. math:: \min_{a, b, d} - \sum_i t_i \log p_i + (1 - t_i) \log (1 - p_i)
              + \frac{\lambda}{2} \sum_c d_c^2, \qquad
              p_i = \sigma(a x_i + b + d_{c(i)})

    with the log odds x of an event's score, and whether it is true, t, by Newton's method. The
    offsets are :math:`b + d_c`: a class without an event gets the common one. A slope below 0.1, by
    which a higher score would say less, is set to 0.1.

    References
    ----------
    Platt 1999, "Probabilistic outputs for support vector machines and comparisons to regularized
    likelihood methods".
    """
    score = np.clip([each.score for each in found], LEAST, 1 - LEAST)
    columns = np.array([each.column for each in found])
    target = np.array([each.true for each in found], np.float64)
    x = np.zeros((len(found), 2 + classes))
    x[:, 0], x[:, 1] = np.log(score / (1 - score)), 1
    x[np.arange(len(found)), 2 + columns] = 1
    penalty = np.array([1e-3, 1e-3, *[PENALTY] * classes])
    weights = _newton(x, target, penalty, np.zeros(len(found)))
    if weights[0] < LEAST_SLOPE:
        offsets = _newton(x[:, 1:], target, penalty[1:], LEAST_SLOPE * x[:, 0])
        weights = np.append(LEAST_SLOPE, offsets)
    return float(weights[0]), weights[1] + weights[2:]


def _newton(x: Values, target: Values, penalty: Values, shift: Values) -> Values:
    """Return the weights of a logistic regression, to whose log odds a shift is added."""
    weights = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 0.5 * (1 + np.tanh(0.5 * (x @ weights + shift)))
        gradient = x.T @ (p - target) + penalty * weights
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights -= step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _common_s(event: Event, truth: Sequence[Event]) -> float:
    """Return how long an event and the true ones of its class, which do not overlap, coincide."""
    return sum(
        max(0.0, min(event.offset_s, each.offset_s) - max(event.onset_s, each.onset_s))
        for each in truth
        if each.label == event.label
    )
