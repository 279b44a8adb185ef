"""The clips that both systems are given, and the spike counts that each of them gives back.

Both lie in npz files, so that a system of another environment needs numpy alone to read them. A
copy of the names stands in in_bindsnet.py, which imports nothing of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError

PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class Clips:
    """Features of clips, what was said in them, and what they are for.

    Attributes
    ----------
    intensities : float32 in [0, 1] [shape=(clip, frame, bin)]
    labels : class numbers [shape=(clip,)]
    parts : numbers of :data:`PARTS` [shape=(clip,)]
    ids : clip ids [shape=(clip,)]
    classes : names of the classes [shape=(class,)]
    """

    intensities: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    parts: npt.NDArray[np.int64]
    ids: npt.NDArray[np.str_]
    classes: npt.NDArray[np.str_]

    def rows(self, part: str) -> npt.NDArray[np.intp]:
        """Return the rows of a part's clips."""
        return np.flatnonzero(self.parts == PARTS.index(part))


def write_clips(clips: Clips, path: Path) -> None:
    """Write clips as ``intensities``, ``labels``, ``parts``, ``ids``, ``classes``; atomically.

    Raises
    ------
    SpikesoundError
        If an intensity is not in [0, 1], a label is no class, or the arrays' lengths differ.
    """
    count = len(clips.ids)
    if clips.intensities.ndim != 3 or clips.intensities.dtype != np.float32:
        raise SpikesoundError("intensities: expected float32 (clip, frame, bin)")
    if any(len(each) != count for each in (clips.intensities, clips.labels, clips.parts)):
        raise SpikesoundError(f"expected intensities, label and part of each of {count} clips")
    if not ((clips.intensities >= 0) & (clips.intensities <= 1)).all():
        raise SpikesoundError("intensities: expected values from 0 to 1")
    if not np.isin(clips.labels, np.arange(len(clips.classes))).all():
        raise SpikesoundError(f"labels: expected numbers of {len(clips.classes)} classes")
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as file:
        np.savez_compressed(file, **vars(clips))


def read_clips(path: Path) -> Clips:
    """Return the clips of a file."""
    with np.load(path) as file:
        return Clips(**{name: file[name] for name in Clips.__annotations__})


def read_counts(path: Path, clips: Clips) -> npt.NDArray[np.int64]:
    """Return how often each neuron spiked in each clip, -1 where it was not presented.

    Returns
    -------
    int64 [shape=(clip, neuron)]

    Raises
    ------
    SpikesoundError
        If the counts are of other clips.
    """
    with np.load(path) as file:
        counts = file["counts"].astype(np.int64)
    if counts.ndim != 2 or len(counts) != len(clips.ids):
        raise SpikesoundError(f"{path}: expected counts of {len(clips.ids)} clips")
    return counts
