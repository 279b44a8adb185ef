"""A median filter over time, the same whether all frames are there or they come one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError

Frames = NDArray[np.float32]


def median(scores: Frames, lengths: Sequence[int]) -> Frames:
    r"""Return each class's scores under a centred running median of that class's length.

    With :math:`h = (m - 1) / 2`, the window of frame i holds the frames from
    :math:`\max(0, i - h)` to :math:`\min(n - 1, i + h)`: near the ends it holds those that exist.
    Where it then holds an even number, the lower of the two middle values is taken. Every filtered
    value is therefore one of the scores, and passes a threshold exactly when more than half of its
    window does.

    Parameters
    ----------
    scores
        Shape (frame, class).
    lengths
        Odd numbers of frames, one per class; 1 leaves the class as it is.

    Returns
    -------
    ndarray
        Shape (frame, class), of the dtype of ``scores``.

    Raises
    ------
    SpikesoundError
        If there is not one length for each class, or one is not odd and positive.
    """
    _check(lengths)
    if scores.ndim != 2 or scores.shape[1] != len(lengths):
        raise SpikesoundError(
            f"median filter: scores of shape {scores.shape} for {len(lengths)} lengths, "
            "not (frame, class)"
        )
    filtered = scores.copy()
    for length in sorted({length for length in lengths if length > 1}):
        columns = np.flatnonzero(np.asarray(lengths) == length)
        filtered[:, columns] = _running(scores[:, columns], length)
    return filtered


def _running(scores: Frames, length: int) -> Frames:
    """Return the running median of all columns. Shape in and out (frame, class)."""
    frames, half = len(scores), length // 2
    # Infinities sort behind all scores, so that the first ones of a window are those that exist.
    padded = np.pad(scores, ((half, half), (0, 0)), constant_values=np.inf)
    windows = np.sort(sliding_window_view(padded, length, axis=0), axis=-1)
    at = np.arange(frames)
    existing = np.minimum(at + half, frames - 1) - np.maximum(at - half, 0) + 1
    middle: Frames = windows[at, :, (existing - 1) // 2]
    return middle


class StreamingMedian:
    """The filter of :func:`median` for frames that come one by one.

    A frame is given out when every class has it, that is :attr:`delay_frames` frames later: half
    of the longest window. The memory held is one such window.

    Parameters
    ----------
    lengths
        Odd numbers of frames, one per class.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        _check(lengths)
        self._halves = np.asarray(lengths, dtype=np.intp) // 2
        self.delay_frames = int(self._halves.max())
        self._window: deque[Frames] = deque(maxlen=2 * self.delay_frames + 1)
        self._fed = 0
        self._given = 0

    def feed(self, frame_scores: Frames) -> list[Frames]:
        """Take the next frame's scores, shape (class,); return the frames now final, in order.

        Raises
        ------
        SpikesoundError
            If the frame has not one score for each class.
        """
        if frame_scores.shape != self._halves.shape:
            raise SpikesoundError(
                f"median filter: a frame of shape {frame_scores.shape}, not {self._halves.shape}"
            )
        self._window.append(np.array(frame_scores))
        self._fed += 1
        return [self._next()] if self._fed > self.delay_frames else []

    def flush(self) -> list[Frames]:
        """Return the frames still held back, since no more will come, and reset."""
        rest = [self._next() for _ in range(self._fed - self._given)]
        self._window.clear()
        self._fed = self._given = 0
        return rest

    def _next(self) -> Frames:
        rows: Frames = np.stack(tuple(self._window))
        centre = self._given - (self._fed - len(rows))
        filtered: Frames = np.empty_like(rows[0])
        for half in np.unique(self._halves):
            columns = self._halves == half
            part = np.sort(rows[max(0, centre - half) : centre + half + 1, columns], axis=0)
            filtered[columns] = part[(len(part) - 1) // 2]
        self._given += 1
        return filtered


def odd_frames(seconds: float, hop_s: float) -> int:
    """Return the odd number of frames nearest to a length in seconds, at least 1.

    >>> odd_frames(0.25, 1024 / 22050)
    5
    """
    return 2 * max(0, round((seconds / hop_s - 1) / 2)) + 1


def _check(lengths: Sequence[int]) -> None:
    wrong = [length for length in lengths if length < 1 or length % 2 == 0]
    if wrong or not lengths:
        raise SpikesoundError(
            f"median filter: lengths {list(lengths)}: one odd number of frames per class is needed"
        )
