"""True positives, false negatives and false positives of events and segments, by array steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.tasks.detection.metrics.truth import EventsOfClips

Times = NDArray[np.float64]
Indices = NDArray[np.intp]

ONSET_COLLAR_S = 0.2
OFFSET_COLLAR_S = 0.2
OFFSET_SHARE = 0.2
SEGMENT_S = 1.0

_ROUNDING_S = 1e-6


class EventArrays(NamedTuple):
    """Events of one class, sorted by clip and onset; each of shape (event,).

    Attributes
    ----------
    clip
        The number of the clip.
    onset_s, offset_s
        From the clip's start.
    """

    clip: Indices
    onset_s: Times
    offset_s: Times


class Counts(NamedTuple):
    """True positives, false positives and false negatives."""

    tp: int
    fp: int
    fn: int

    @property
    def f1(self) -> float:
        r""":math:`2 TP / (2 TP + FP + FN)`, and 0 where there is nothing to find or found."""
        return 2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn)


def arrays_of(events: EventsOfClips, clip_ids: Sequence[str], label: str) -> EventArrays:
    """Return the events of one class, clips numbered as in ``clip_ids``."""
    found = sorted(
        (number, event.onset_s, event.offset_s)
        for number, clip in enumerate(clip_ids)
        for event in events[clip]
        if event.label == label
    )
    table = np.array(found, dtype=np.float64).reshape(-1, 3)
    return EventArrays(table[:, 0].astype(np.intp), table[:, 1], table[:, 2])


def event_counts(predicted: EventArrays, true: EventArrays, longest_s: float) -> Counts:
    """Return how many events of one class are found, invented and missed; see :func:`found_in`."""
    found = len(found_in(predicted, true, longest_s))
    return Counts(found, len(predicted.clip) - found, len(true.clip) - found)


def found_in(predicted: EventArrays, true: EventArrays, longest_s: float) -> Indices:
    r"""Return the clip of each event that is found, shape (event found,).

    A predicted event may stand for a true one :math:`[a, b]` of its clip if

    .. math:: |a' - a| \le 0.2\,\mathrm{s}, \quad
              |b' - b| \le \max(0.2\,\mathrm{s},\; 0.2\,(b - a)).

    Each stands for at most one; of all such pairings the largest is counted. These are the counts
    of sed_eval's ``EventBasedMetrics`` with ``t_collar=0.2, percentage_of_length=0.2``.

    Parameters
    ----------
    predicted, true
        Events of one class.
    longest_s
        Length of the longest clip, or the latest onset.

    References
    ----------
    Mesaros, Heittola and Virtanen, Metrics for polyphonic sound event detection, Applied Sciences
    6 (2016), 162.
    """
    # On one time axis, where clips lie too far apart for their events to meet.
    apart_s = longest_s + 2 * ONSET_COLLAR_S + 1
    reach = ONSET_COLLAR_S + _ROUNDING_S
    true_at = true.clip * apart_s + true.onset_s
    at = predicted.clip * apart_s + predicted.onset_s
    first = np.searchsorted(true_at, at - reach)
    near = np.searchsorted(true_at, at + reach) - first
    mine = np.repeat(np.arange(len(at)), near)
    theirs = np.repeat(first - np.cumsum(near) + near, near) + np.arange(len(mine))

    onset, offset = true.onset_s[theirs], true.offset_s[theirs]
    allowed = np.maximum(OFFSET_COLLAR_S, OFFSET_SHARE * (offset - onset))
    fits = (np.abs(onset - predicted.onset_s[mine]) <= ONSET_COLLAR_S) & (
        np.abs(offset - predicted.offset_s[mine]) <= allowed
    )
    paired = _largest_pairing(mine[fits], theirs[fits], (len(at), len(true_at)))
    return predicted.clip[paired]


def _largest_pairing(mine: Indices, theirs: Indices, shape: tuple[int, int]) -> Indices:
    """Return those of ``mine`` that are in the largest set of pairs in which none occurs twice."""
    if len(np.unique(mine)) == len(mine) and len(np.unique(theirs)) == len(theirs):
        return mine
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    graph = csr_matrix((np.ones(len(mine), dtype=np.int8), (mine, theirs)), shape=shape)
    return np.flatnonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0)


class Segments:
    """The segments of 1 s into which clips are cut, the last of a clip maybe shorter.

    Parameters
    ----------
    clip_ids
        In the order in which events number them.
    seconds
        Length of each clip.

    Attributes
    ----------
    clip
        The number of each segment's clip, shape (segment,).
    """

    def __init__(self, clip_ids: Sequence[str], seconds: Mapping[str, float]) -> None:
        of_clip = [int(np.ceil(seconds[clip] / SEGMENT_S)) for clip in clip_ids]
        self._stop = np.cumsum(of_clip)
        self._start = self._stop - of_clip
        self.clip = np.repeat(np.arange(len(of_clip)), of_clip)

    def active(self, events: EventArrays) -> NDArray[np.bool_]:
        """Return in which segments some event sounds, shape (segment,), clip after clip."""
        start, stop = self._start[events.clip], self._stop[events.clip]
        begin = start + np.floor(events.onset_s / SEGMENT_S).astype(np.intp)
        end = np.minimum(start + np.ceil(events.offset_s / SEGMENT_S).astype(np.intp), stop)
        length = int(self._stop[-1]) + 1
        change = np.bincount(begin, minlength=length) - np.bincount(end, minlength=length)
        sounding: NDArray[np.bool_] = np.cumsum(change)[:-1] > 0
        return sounding

    def counts(self, predicted: EventArrays, active: NDArray[np.bool_]) -> Counts:
        """Return how many segments are found, invented and missed, given the truly active ones.

        These are the counts of sed_eval's ``SegmentBasedMetrics`` with ``time_resolution=1``.
        """
        named = self.active(predicted)
        tp = int((named & active).sum())
        return Counts(tp, int(named.sum()) - tp, int(active.sum()) - tp)
