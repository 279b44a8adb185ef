"""Spike trains as features: the number of spikes of each bin of units in each frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.data.sources.spike_trains import UNITS, SpikeTrains
from spikesound.features import bin_names, normalisation
from spikesound.features.shards import write_shards
from spikesound.params import FeatureParams

CARRIED = ("clip_id", "fold", "media_id", "recording", "labels")

Trains = Iterable[tuple[NDArray[np.float64], NDArray[np.int64]]]


def write_spike_counts(
    trains: Trains,
    units: int,
    clips: pd.DataFrame,
    params: FeatureParams,
    out: Path,
    folds: Sequence[str],
) -> int:
    """Write spike counts as feature shards, and return how many spikes lay beyond the clips' end.

    A frame is ``hop / rate_hz`` seconds long, a bin ``units / mels`` neighbouring units. The range
    of all bins is from 0 to the largest count outside the held-out fold, so that counts stay in
    proportion: bins that seldom spike are not stretched.

    Parameters
    ----------
    trains : times in seconds and units of the spikes of each clip, in the order of ``clips``
    units : number of units
    clips : table CLIPS
    params : ``kinds`` spike_counts, ``clip_s``, ``rate_hz``, ``hop``, ``mels``
    folds : held-out folds

    Raises
    ------
    SpikesoundError
        If the parameters are those of sound, or the units do not divide into the bins.
    """
    if params.kinds != ["spike_counts"]:
        raise SpikesoundError(
            f"features.kinds {params.kinds}: a source of spike trains has one kind, spike_counts"
        )
    if params.clip_s is None:
        raise SpikesoundError("features.clip_s: spike trains need a length, such as 1.0; got null")
    if units % params.mels:
        raise SpikesoundError(
            f"features.mels {params.mels}: {units} units do not divide into as many bins"
        )
    step_s = params.hop / params.rate_hz
    shape = (round(params.clip_s / step_s), params.mels)
    peaks: dict[str, int] = dict.fromkeys(clips["fold"], 0)
    beyond = 0

    def counted() -> Iterator[NDArray[np.float16]]:
        nonlocal beyond
        for fold, (times, fired) in zip(clips["fold"], trains, strict=True):
            counts, late = spike_counts(times, fired, shape, step_s, units // params.mels)
            peaks[fold] = max(peaks[fold], int(counts.max()))
            beyond += late
            yield counts.astype(np.float16)

    shown = track(counted(), total=len(clips), what="bin spikes")
    write_shards(out, clips[list(CARRIED)], shown, params.shard_clips)
    normalisation.save(
        {fold: _ranges(peaks, fold, params.mels) for fold in folds}, out / "normalisation.json"
    )
    spec = {
        "params": params.model_dump(exclude={"batch_clips"}),
        "frames": shape[0],
        "frame_rate_hz": params.rate_hz / params.hop,
        "bins": bin_names(params),
    }
    write_json(out / "spec.json", spec)
    return beyond


def spike_counts(
    times: NDArray[np.float64],
    units: NDArray[np.int64],
    shape: tuple[int, int],
    step_s: float,
    width: int,
) -> tuple[NDArray[np.int64], int]:
    """Return the number of spikes in each frame and bin, and of those beyond the last frame.

    Parameters
    ----------
    times, units : of the spikes, (spike,)
    shape : frames and bins
    step_s : length of a frame
    width : neighbouring units of a bin
    """
    frames = np.floor(times / step_s).astype(np.int64)
    inside = frames < shape[0]
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (frames[inside], units[inside] // width), 1)
    return counts, int((~inside).sum())


def _ranges(peaks: dict[str, int], held_out: str, bins: int) -> dict[str, list[float]]:
    others = [peak for fold, peak in peaks.items() if fold != held_out]
    if held_out not in peaks or not others:
        raise SpikesoundError(
            f"fold {held_out!r}: expected one of {sorted(peaks)}, with other folds to fit on"
        )
    return {"low": [0.0] * bins, "high": [float(max(1, *others))] * bins}


def count_spikes(
    source: SpikeTrains,
    clips: pd.DataFrame,
    params: FeatureParams,
    out: Path,
    folds: Sequence[str],
) -> int:
    """Write the spike counts of a source's clips; see :func:`write_spike_counts`."""
    trains = source.trains(clips["media_id"].tolist())
    return write_spike_counts(trains, UNITS, clips, params, out, folds)
