"""From filtered probabilities to events: a threshold per class, and what lies above it in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError

Frames = NDArray[np.float32]
Times = NDArray[np.float64]


class Event(NamedTuple):
    """One sounding of one class.

    Attributes
    ----------
    label
        Label id; in the events of a loaded model (:func:`spikesound.load`), its display name.
    onset_s, offset_s
        From the start of the file.
    score
        The highest filtered probability within it; 1 of a true event.
    """

    label: str
    onset_s: float
    offset_s: float
    score: float = 1.0


def edges(frames: int, hop_s: float, seconds: float) -> Times:
    r"""Return the times between frames, shape (frame + 1,).

    Frame i is centred on the sample at :math:`i\,h` and stands for
    :math:`[(i - \frac12) h, (i + \frac12) h)`, clipped to the file.

    Raises
    ------
    SpikesoundError
        If a frame would begin at or after the end of the file.
    """
    if frames and (frames - 1.5) * hop_s >= seconds:
        raise SpikesoundError(
            f"{frames} frames of {hop_s:g} s are more than a file of {seconds:g} s holds"
        )
    between: Times = np.clip((np.arange(frames + 1) - 0.5) * hop_s, 0.0, seconds)
    return between


def events(
    filtered: Frames,
    thresholds: Sequence[float],
    *,
    labels: Sequence[str],
    hop_s: float,
    seconds: float,
) -> list[Event]:
    """Return the events: maximal runs of frames at or above the class's threshold.

    Parameters
    ----------
    filtered
        Probabilities after the median filter, shape (frame, class).
    thresholds, labels
        One per class.
    hop_s
        From one frame to the next.
    seconds
        Length of the file.

    Returns
    -------
    list
        Sorted by onset, then by class.

    Raises
    ------
    SpikesoundError
        If there is not one threshold and label for each class, or too many frames.
    """
    _check(filtered.shape, thresholds, labels)
    times = edges(len(filtered), hop_s, seconds)
    column, first, end = runs(filtered >= np.asarray(thresholds, dtype=np.float64))
    found = [
        (float(times[a]), c, float(times[b]), float(filtered[a:b, c].max()))
        for c, a, b in zip(column.tolist(), first.tolist(), end.tolist(), strict=True)
    ]
    return [Event(labels[c], onset, offset, score) for onset, c, offset, score in sorted(found)]


def runs(active: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the column, first frame and frame after the last, of each run of active frames.

    ``active`` has the shape (frame, column); runs come column by column, in order of time.
    """
    still = np.zeros((1, active.shape[1]), dtype=np.int8)
    change = np.diff(active.astype(np.int8), axis=0, prepend=still, append=still)
    column, first = np.nonzero(change.T == 1)
    _, end = np.nonzero(change.T == -1)
    return column, first, end


class Changes(NamedTuple):
    """Events that a frame opened or closed. An opened event ends, so far, with its first frame."""

    opened: list[Event]
    closed: list[Event]


class StreamingEvents:
    """The events of :func:`events` for filtered frames that come one by one.

    Parameters
    ----------
    thresholds, labels
        One per class.
    hop_s
        From one frame to the next.
    """

    def __init__(self, thresholds: Sequence[float], *, labels: Sequence[str], hop_s: float) -> None:
        _check((0, len(labels)), thresholds, labels)
        self._thresholds = np.asarray(thresholds, dtype=np.float64)
        self._labels = list(labels)
        self._hop_s = hop_s
        self._frame = 0
        self._open: dict[int, tuple[float, float]] = {}  # class: onset, highest score so far

    def feed(self, filtered: Frames) -> Changes:
        """Take the next filtered frame, shape (class,); return what opened and what closed.

        An event closes with the first frame that is not part of it.

        Raises
        ------
        SpikesoundError
            If the frame has not one probability for each class.
        """
        if filtered.shape != self._thresholds.shape:
            raise SpikesoundError(
                f"events: a frame of shape {filtered.shape}, not {self._thresholds.shape}"
            )
        begin = max(0.0, (self._frame - 0.5) * self._hop_s)
        end = (self._frame + 0.5) * self._hop_s
        self._frame += 1
        changes = Changes([], [])
        active = filtered >= self._thresholds
        for c in [c for c in self._open if not active[c]]:
            onset, score = self._open.pop(c)
            changes.closed.append(Event(self._labels[c], onset, begin, score))
        for c in np.flatnonzero(active).tolist():
            score = float(filtered[c])
            if c in self._open:
                onset, highest = self._open[c]
                self._open[c] = onset, max(highest, score)
            else:
                self._open[c] = begin, score
                changes.opened.append(Event(self._labels[c], begin, end, score))
        return changes

    def finish(self, seconds: float) -> list[Event]:
        """Return the events still open at the end of a file of that length, and reset.

        Raises
        ------
        SpikesoundError
            If there were more frames than the file holds.
        """
        end = float(edges(self._frame, self._hop_s, seconds)[-1])
        rest = [
            Event(self._labels[c], onset, end, score)
            for c, (onset, score) in sorted(self._open.items())
        ]
        self._open.clear()
        self._frame = 0
        return rest


def _check(shape: tuple[int, ...], thresholds: Sequence[float], labels: Sequence[str]) -> None:
    if len(shape) != 2 or not shape[1] == len(thresholds) == len(labels):
        raise SpikesoundError(
            f"events: probabilities of shape {shape}, {len(thresholds)} thresholds and "
            f"{len(labels)} labels do not match; (frame, class) is needed"
        )
