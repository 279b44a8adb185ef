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

    Recordings are numbered in the order of their names, whatever the order of the clips, so that a
    resample is the same wherever these clips are scored.

    Raises
    ------
    SpikesoundError
        If a clip has no recording.
    """
    _check(clip_ids, recordings)
    names = [recordings[clip] for clip in clip_ids]
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1]


def mixtures_of(clip_ids: Sequence[str], recordings: Mapping[str, Sequence[str]]) -> Mixtures:
    """Return which recordings each clip was mixed of, shape (clip, recording).

    Recordings are numbered in the order of their names.

    Raises
    ------
    SpikesoundError
        If a clip has no recording.
    """
    _check(clip_ids, recordings)
    names = sorted({recording for clip in clip_ids for recording in recordings[clip]})
    number = {name: place for place, name in enumerate(names)}
    mixed = np.zeros((len(clip_ids), len(number)), dtype=bool)
    for row, clip in enumerate(clip_ids):
        mixed[row, [number[recording] for recording in recordings[clip]]] = True
    return mixed


def groups_of(
    clip_ids: Sequence[str], clips: pd.DataFrame, mixtures: pd.DataFrame | None
) -> Groups:
    """Return what a resample of clips draws as one: recordings that they were cut or mixed from.

    Parameters
    ----------
    clips
        Table CLIPS.
    mixtures
        Table MIXTURES; None: no clip was mixed.

    Raises
    ------
    SpikesoundError
        If a clip has no recording.
    """
    cut = recordings_of(clips)
    if mixtures is None:
        return clusters_of(clip_ids, cut)
    mixed = mixtures.groupby("clip_id")["recording"].agg(list).to_dict()
    every = {clip: mixed.get(clip) or [cut[clip]] for clip in clip_ids if clip in cut}
    return mixtures_of(clip_ids, every)


def _check(clip_ids: Sequence[str], recordings: Mapping[str, Sequence[str]]) -> None:
    missing = [clip for clip in clip_ids if not recordings.get(clip)]
    if missing:
        raise SpikesoundError(
            f"clips: no recording of clip {missing[0]!r} ({len(missing)} such clips)"
        )
