"""Detection delay of sound events, share of missed events, and false alarms per hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv

from spikesound.core.errors import SpikesoundError
from spikesound.tasks.detection.decision import Event
from spikesound.tasks.detection.metrics.truth import EventsOfClips
from spikesound.tasks.multilabel import Values, Weights

Numbers = NDArray[np.float64]

# Frame bounds are products of floats; a bound this near a frame's edge is that edge.
_ROUNDING = 1e-6


class Timing(NamedTuple):
    """Time of the decision on a frame, in a stream.

    Attributes
    ----------
    hop_s, window_s
        Of the features: frame i needs the sound up to half a window after :math:`i\\,h`.
    lookahead_frames
        Further frames that are waited for: the network's look-ahead, and half of the median
        filter's longest window, since a frame is given out when all classes have it.
    """

    hop_s: float
    window_s: float
    lookahead_frames: int

    def decided_s(self, frame: int, seconds: float) -> float:
        """Return when frame i is decided, :math:`(i + l) h + w / 2`; no later than the end."""
        return min((frame + self.lookahead_frames) * self.hop_s + self.window_s / 2, seconds)


class Delays(NamedTuple):
    """The true events, one after another; each array of shape (event,).

    Attributes
    ----------
    clip
        Number of the clip.
    label
        Column of the class.
    delay_s
        From onset to decision; NaN where the event is never detected.
    early
        Whether the event predicted had begun before the true onset, by more than one frame.
    """

    clip: NDArray[np.intp]
    label: NDArray[np.intp]
    delay_s: Numbers
    early: NDArray[np.bool_]


def delays(
    predicted: EventsOfClips,
    truth: EventsOfClips,
    clip_ids: Sequence[str],
    labels: Sequence[str],
    *,
    seconds: Mapping[str, float],
    timing: Timing,
) -> Delays:
    """Return the delay of each true event: the time of its first decision, less its onset.

    An event is detected when one predicted of its class overlaps it. The decision is that on the
    first frame which is both active and, at least in part, within the true event: one that was
    active before says nothing of this event until then. It can be known no sooner than the frame's
    sound has come and network and median filter have seen what follows; see :class:`Timing`.

    Raises
    ------
    SpikesoundError
        If the frames' step or window is not above 0, or the look-ahead is below 0.
    """
    if timing.hop_s <= 0 or timing.window_s <= 0 or timing.lookahead_frames < 0:
        raise SpikesoundError(f"delay: {timing} is no timing of frames")
    column = {label: number for number, label in enumerate(labels)}
    rows = [
        (number, column[event.label], *_told(event, predicted[clip], seconds[clip], timing))
        for number, clip in enumerate(clip_ids)
        for event in truth[clip]
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Delays(
        table[:, 0].astype(np.intp), table[:, 1].astype(np.intp), table[:, 2], table[:, 3] > 0
    )


def _told(
    true: Event, predicted: Sequence[Event], seconds: float, timing: Timing
) -> tuple[float, bool]:
    """Return the delay of one true event and whether the prediction was early."""
    overlapping = [
        event
        for event in predicted
        if event.label == true.label
        and event.onset_s < true.offset_s
        and event.offset_s > true.onset_s
    ]
    if not overlapping:
        return np.nan, False
    first = min(overlapping, key=lambda event: event.onset_s)
    at = max(first.onset_s, true.onset_s) / timing.hop_s + 0.5
    # The file's first frame begins at 0, since the half before that is cut off.
    frame = int(np.floor(at + _ROUNDING)) if at > 0.5 else 0
    delay_s = timing.decided_s(frame, seconds) - true.onset_s
    return delay_s, first.onset_s < true.onset_s - timing.hop_s


def delay_metrics(found: Delays, weights: Weights) -> dict[str, Values]:
    """Return the delay's percentiles, and the shares missed and early, of every weighting.

    Parameters
    ----------
    found
        From :func:`delays`.
    weights
        Shape (resample, clip): how often the resample holds the clip.

    Returns
    -------
    dict
        ``delay_median_s`` and ``delay_95_s`` over the detected events (the least delay that at
        least half, or 95 %, of them do not exceed), ``missed_share`` of all true events,
        ``early_share`` of those detected; each of shape (resample,), NaN where there is none.
    """
    drawn = weights[:, found.clip]
    known = ~np.isnan(found.delay_s)
    total, found_total = drawn.sum(axis=1), drawn[:, known].sum(axis=1)
    return {
        "delay_median_s": _quantile(found.delay_s[known], drawn[:, known], 0.5),
        "delay_95_s": _quantile(found.delay_s[known], drawn[:, known], 0.95),
        "missed_share": _share(total - found_total, total),
        "early_share": _share(drawn[:, found.early].sum(axis=1), found_total),
    }


def _share(part: Numbers, whole: Numbers) -> Numbers:
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _quantile(values: Numbers, weights: Weights, share: float) -> Numbers:
    """Return the weighted quantile, the inverse of the empirical distribution, of each row."""
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    total = reached[:, -1:]
    # Weights are whole numbers, so that a sum meant to equal the share is off by rounding only.
    at = (reached >= share * total - 1e-9 * np.maximum(total, 1)).argmax(axis=1)
    quantile: Numbers = np.where(total[:, 0] > 0, values[order][at], np.nan)
    return quantile


def false_alarms(
    predicted: EventsOfClips,
    seconds: Mapping[str, float],
    labels: Sequence[str],
    *,
    confidence: float,
) -> pd.DataFrame:
    r"""Return how many events are predicted per hour of clips in which there is none.

    The interval is Garwood's, exact for a Poisson number k of alarms in T hours:

    .. math:: \left[\tfrac{1}{2T} \chi^2_{2k}(\alpha / 2),\;
              \tfrac{1}{2T} \chi^2_{2k + 2}(1 - \alpha / 2)\right].

    It holds where alarms come independently of each other; those that one recording sets off do
    not, so that it is then too narrow.

    Parameters
    ----------
    predicted
        Events predicted in clips without true events.
    seconds
        Length of each of these clips.
    labels
        Label ids in class order.
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        Per class, and for all together under the label ``all``: label, alarms, hours, per_hour,
        low, high.

    Raises
    ------
    SpikesoundError
        If there is no such clip, predictions are of other clips or labels, or the confidence is not
        between 0 and 1.

    References
    ----------
    Garwood, Fiducial limits for the Poisson distribution, Biometrika 28 (1936), 437-442.
    """
    if not 0 < confidence < 1:
        raise SpikesoundError(f"false alarms: confidence {confidence} is not between 0 and 1")
    if not seconds or set(predicted) != set(seconds):
        raise SpikesoundError(
            f"false alarms: predictions of {len(predicted)} clips and lengths of {len(seconds)} "
            "are not of the same clips, at least one"
        )
    alarms = [event.label for of_clip in predicted.values() for event in of_clip]
    strange = sorted(set(alarms) - set(labels))
    if strange:
        raise SpikesoundError(f"false alarms: label {strange[0]!r} is not among {list(labels)}")
    hours = sum(seconds.values()) / 3600
    numbers = {label: alarms.count(label) for label in labels} | {"all": len(alarms)}
    rows = [
        (label, number, hours, number / hours, *_garwood(number, hours, confidence))
        for label, number in numbers.items()
    ]
    return pd.DataFrame(rows, columns=["label", "alarms", "hours", "per_hour", "low", "high"])


def _garwood(number: int, hours: float, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low = gammaincinv(number, tail) if number else 0.0
    return float(low / hours), float(gammaincinv(number + 1, 1 - tail) / hours)
