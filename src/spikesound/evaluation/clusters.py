"""Which clips belong together: several cut from one recording are not independent of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError

Clusters = NDArray[np.intp]
"""For each clip the number of its recording, from 0 upwards; shape (clip,)."""


def recordings_of(clips: pd.DataFrame) -> dict[str, str]:
    """Return the recording of each clip of a CLIPS table."""
    return dict(zip(clips["clip_id"], clips["recording"], strict=True))


def clusters_of(clip_ids: Sequence[str], recordings: Mapping[str, str]) -> Clusters:
    """Return the number of each clip's recording, shape (clip,).

    Recordings are numbered in the order in which they first appear. Where each has one clip, the
    numbers are therefore 0, 1, 2, ...

    Raises
    ------
    SpikesoundError
        If a clip has no recording.
    """
    missing = [clip for clip in clip_ids if not recordings.get(clip)]
    if missing:
        raise SpikesoundError(
            f"clips: no recording of clip {missing[0]!r} ({len(missing)} such clips)"
        )
    codes, _ = pd.factorize(np.array([recordings[clip] for clip in clip_ids], dtype=object))
    return codes.astype(np.intp)
