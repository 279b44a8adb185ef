"""The recordings that clips come from: clips of one recording are not independent of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError

Clusters = NDArray[np.intp]
"""For each clip the number of its recording, from 0 upwards; shape (clip,)."""

Mixtures = NDArray[np.bool_]
"""Recordings that each clip was mixed of, shape (clip, recording)."""

Groups = Clusters | Mixtures
"""Units that a resample draws: see :func:`spikesound.evaluation.bootstrap.draw`."""


def recordings_of(clips: pd.DataFrame) -> dict[str, str]:
    """Return the recording of each clip of a CLIPS table."""
    return dict(zip(clips["clip_id"], clips["recording"], strict=True))


def each_alone(clips: int) -> Clusters:
    """Return the clusters of clips that all count as independent: 0, 1, 2, ..."""
    return np.arange(clips)


def clusters_of(clip_ids: Sequence[str], recordings: Mapping[str, str]) -> Clusters:
    """Return the number of each clip's recording, shape (clip,).

    Recordings are numbered in the order in which they first appear. Where each has one clip, the
    numbers are therefore 0, 1, 2, ...

    Raises
    ------
    SpikesoundError
        If a clip has no recording.
    """
    _check(clip_ids, recordings)
    codes, _ = pd.factorize(np.array([recordings[clip] for clip in clip_ids], dtype=object))
    return codes.astype(np.intp)


def mixtures_of(clip_ids: Sequence[str], recordings: Mapping[str, Sequence[str]]) -> Mixtures:
    """Return which recordings each clip was mixed of, shape (clip, recording).

    The recordings are numbered in the order in which they first appear.

    Raises
    ------
    SpikesoundError
        If a clip has no recording.
    """
    _check(clip_ids, recordings)
    number: dict[str, int] = {}
    for clip in clip_ids:
        for recording in recordings[clip]:
            number.setdefault(recording, len(number))
    mixed = np.zeros((len(clip_ids), len(number)), dtype=bool)
    for row, clip in enumerate(clip_ids):
        mixed[row, [number[recording] for recording in recordings[clip]]] = True
    return mixed


def _check(clip_ids: Sequence[str], recordings: Mapping[str, Sequence[str]]) -> None:
    missing = [clip for clip in clip_ids if not recordings.get(clip)]
    if missing:
        raise SpikesoundError(
            f"clips: no recording of clip {missing[0]!r} ({len(missing)} such clips)"
        )
