"""The interval of an accuracy where several clips may come from one recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.bootstrap import column_percentiles, draw
from spikesound.tasks.multilabel import Values

_BLOCK_NUMBERS = 4_000_000


def hit_intervals(
    hits: NDArray[np.bool_] | NDArray[np.float64],
    recordings: Sequence[str],
    *,
    generator: np.random.Generator,
    resamples: int,
    confidence: float,
) -> tuple[Values, Values]:
    r"""Return the percentile interval of the share of hits, recordings drawn with replacement.

    Each resample draws as many recordings as there are, each with all its clips:

    .. math:: a^* = \frac{\sum_r n_r h_r}{\sum_r n_r m_r}

    with :math:`n_r` how often recording r is drawn, :math:`m_r` its clips and :math:`h_r` those of
    them that are hits. All rows of ``hits`` meet the same resamples, so that two points of a curve
    differ by their hits alone.

    Parameters
    ----------
    hits
        Whether each clip was classified rightly, or in what share of draws, at each of several
        points (point, clip).
    recordings
        The recording of each clip.
    generator
        Draws the resamples.
    resamples
        How many.
    confidence
        Of the interval, between 0 and 1.

    Returns
    -------
    low, high
        Shares between 0 and 1, shape (point,).

    Raises
    ------
    SpikesoundError
        If there is no clip, or not one recording for each.

    References
    ----------
    Field and Welsh 2007, "Bootstrapping clustered data": resampling of whole clusters.
    """
    if hits.ndim != 2 or not hits.shape[1] or len(recordings) != hits.shape[1]:
        raise SpikesoundError(f"hits: expected shape (point, {len(recordings)}), got {hits.shape}")
    names, of = np.unique(np.asarray(recordings, dtype=str), return_inverse=True)
    sizes = np.bincount(of).astype(np.float64)
    per_recording = np.stack([np.bincount(of, row, len(names)) for row in hits])
    block = max(1, _BLOCK_NUMBERS // len(names))
    shares = []
    for start in range(0, resamples, block):
        weights = draw(np.arange(len(names)), min(block, resamples - start), generator)
        shares.append(weights @ per_recording.T / (weights @ sizes)[:, None])
    return column_percentiles(np.concatenate(shares), confidence)
