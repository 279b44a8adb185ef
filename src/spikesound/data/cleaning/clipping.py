"""Samples at full scale in a row: where a recording was too loud for its converter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikesound.data.cleaning.dc import Wave

NEAR = 0.999  # of full scale; converters and codecs stop a little short of it
RUN = 3  # samples: a sound that only just reaches full scale stays there for one or two


def clipped_share(samples: Wave) -> float:
    """Return the share of samples in runs of at least 3 at or near full scale of one sign.

    Parameters
    ----------
    samples
        One wave in full scale, ``(sample,)``.
    """
    if not len(samples):
        return 0.0
    return (_in_runs(samples >= NEAR) + _in_runs(samples <= -NEAR)) / len(samples)


def _in_runs(flags: NDArray[np.bool_]) -> int:
    edges = np.diff(flags.astype(np.int8), prepend=0, append=0)
    lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    return int(lengths[lengths >= RUN].sum())
