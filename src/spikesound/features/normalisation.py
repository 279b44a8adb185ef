"""From physical values to [0, 1], by ranges fitted without the clips of the held-out fold.

Bins of levels in dB share one range, so that a loud bin stays louder than a quiet one: from the
99.5th percentile down to the 5th, but at most ``range_db`` down. Other bins go from their 1st to
their 99th percentile.

Percentiles are exact: features are float16, of which there are 65,536, so that one pass over the
shards counts how often each value occurs. Memory does not grow with the number of clips.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikesound.core.atomic import place, written_aside
from spikesound.core.errors import SpikesoundError, choose
from spikesound.core.json_files import read_mapping

if TYPE_CHECKING:  # a trained model needs the ranges, and no tables
    from spikesound.features.shards import Shards

LEVEL_SHARES = (0.05, 0.995)
OTHER_SHARES = (0.01, 0.99)

Figures = dict[str, dict[str, list[float]]]
"""``{fold: {"low": [per bin], "high": [per bin]}}``, in the features' own units."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Neighbouring bins that share one range."""

    bins: int
    levels: bool  # in dB, of one reference


def fit(shards: Shards, folds: Sequence[str], groups: Sequence[Group], range_db: float) -> Figures:
    """Fit the range of each bin, for each fold on the clips of all the other folds.

    Parameters
    ----------
    shards
        Features, float16, ``(clip, frame, bin)``.
    folds
        Held-out folds.
    groups
        Which bins share a range, in the order of the bins.
    range_db
        How far below its high end the range of levels goes at most.

    Raises
    ------
    SpikesoundError
        If a fold has no clips, or no clips are left without it, or the shards are not
        float16 of as many bins as the groups'.
    """
    present = set(shards.index["fold"])
    for fold in folds:
        choose(dict.fromkeys(present), fold, "fold (of params.folds, among the clips)")
        if present == {fold}:
            raise SpikesoundError(
                f"{shards.folder}: every clip is of fold {fold!r}: none to fit on"
            )
    counts = _count(shards, groups)
    total = np.sum(list(counts.values()), axis=0)
    return {fold: _ranges(total - counts[fold], groups, range_db) for fold in folds}


def apply(values: ArrayLike, low: ArrayLike, high: ArrayLike) -> NDArray[np.float32]:
    """Compute ``clip((x - low) / (high - low), 0, 1)``, bin by bin.

    Parameters
    ----------
    values
        Features, ``(..., bin)``.
    low, high
        The range of each bin, ``(bin,)``. A bin whose range is empty carries nothing, and gives 0.

    Returns
    -------
    ndarray
        ``(..., bin)``, float32, 0 to 1.
    """
    bottom = np.asarray(low, np.float32)
    span = np.asarray(high, np.float32) - bottom
    scale = np.divide(1, span, out=np.zeros_like(span), where=span > 0)
    shifted = np.asarray(values, np.float32) - bottom
    shifted *= scale
    return np.clip(shifted, 0, 1, out=shifted)


def save(figures: Figures, path: Path) -> None:
    """Write the ranges as JSON."""
    with written_aside(place(path)) as file:
        file.write((json.dumps(figures, indent=1, sort_keys=True) + "\n").encode())


def load(path: Path, fold: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read one fold's ``low`` and ``high``, each ``(bin,)``.

    Raises
    ------
    SpikesoundError
        If the file is missing or damaged, or has no such fold.
    """
    figures = read_mapping(path, "run the features stage")
    chosen = choose(figures, fold, f"fold in {path}")
    try:
        return np.asarray(chosen["low"], np.float32), np.asarray(chosen["high"], np.float32)
    except (ValueError, TypeError, KeyError) as error:
        raise SpikesoundError(f"{path}: fold {fold!r} has no ranges ({error})") from error


def _count(shards: Shards, groups: Sequence[Group]) -> dict[str, Counts]:
    """Count how often each float16 value occurs, ``{fold: (group, rank of the value)}``."""
    counts: dict[str, Counts] = {}
    ends = np.cumsum([group.bins for group in groups])
    for rows, values in shards.parts():
        if values.dtype != np.float16 or values.shape[-1] != ends[-1]:
            raise SpikesoundError(
                f"{shards.folder}: {values.dtype} with {values.shape[-1]} bins, not float16 with "
                f"{ends[-1]}: features of other parameters; run the features stage again"
            )
        ranks = _rank(values)
        folds = rows["fold"].to_numpy()
        for fold in np.unique(folds):
            total = counts.setdefault(str(fold), np.zeros((len(groups), 2**16), np.int64))
            parts = np.split(ranks[folds == fold], ends[:-1], axis=-1)
            for row, part in enumerate(parts):
                total[row] += np.bincount(part.ravel(), minlength=2**16)
    return counts


def _ranges(counts: Counts, groups: Sequence[Group], range_db: float) -> dict[str, list[float]]:
    low, high = [], []
    for occurrences, group in zip(counts, groups, strict=True):
        shares = LEVEL_SHARES if group.levels else OTHER_SHARES
        bottom, top = (_quantile(occurrences, share) for share in shares)
        if group.levels:
            bottom = max(bottom, top - range_db)
        low += [bottom] * group.bins
        high += [top] * group.bins
    return {"low": low, "high": high}


def _rank(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Map float16 to uint16 so that the order is that of the values (-0 just below 0)."""
    bits = values.view(np.uint16)
    negative = bits >> 15 == 1
    return np.where(negative, ~bits, bits | np.uint16(0x8000))


def _quantile(occurrences: Counts, share: float) -> float:
    """Find the smallest value that at least ``share`` of all do not exceed (inverted CDF)."""
    running = np.cumsum(occurrences)
    wanted = max(1, int(np.ceil(share * running[-1])))
    rank = np.uint16(np.searchsorted(running, wanted))
    bits = np.uint16(rank & 0x7FFF) if rank & 0x8000 else np.uint16(~rank)
    return float(bits.view(np.float16))
