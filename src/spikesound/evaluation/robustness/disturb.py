"""Features of clips under every condition of the sound."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from spikesound.audio.mixing import add_noise, sounding
from spikesound.audio.resampling import Wave, fit_length, resample
from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.core.schema import FEATURE_INDEX, write_table
from spikesound.core.seeds import numpy_generator
from spikesound.data.audio_shards import read_shard
from spikesound.data.cleaning.clean import clean
from spikesound.data.parallel import as_done
from spikesound.evaluation.robustness.channel import CHANNELS
from spikesound.evaluation.robustness.codec import opus
from spikesound.evaluation.robustness.conditions import CODEC, Condition
from spikesound.evaluation.robustness.noises import NOISES, Recordings
from spikesound.features import clip_samples, compute, feature_shape, stored
from spikesound.features.shards import INDEX, Array
from spikesound.params import FeatureParams

Sound = tuple[int, str, Wave]
"""Row of a clip in the tables, its id, and its wave at the features' rate and length."""


@dataclass(frozen=True)
class Setup:
    """Conditions of the sound, and parameters of the features."""

    conditions: Sequence[Condition]
    recordings: Recordings
    features: FeatureParams  # with the clips' length: see extract.fitted
    seed: int


def select_clips(index: pd.DataFrame, folds: Sequence[str], at_most: int | None) -> pd.DataFrame:
    """Return the clips of the held-out folds, at most a given number of each fold, evenly spaced.

    Parameters
    ----------
    index : table FEATURE_INDEX
    at_most : None: all

    Raises
    ------
    SpikesoundError
        If a fold has no clips.
    """
    chosen: list[int] = []
    for fold in dict.fromkeys(folds):
        rows = np.flatnonzero(index["fold"] == fold)
        if not len(rows):
            raise SpikesoundError(f"folds: fold {fold!r} has no clips")
        count = len(rows) if at_most is None else min(at_most, len(rows))
        chosen += rows[np.linspace(0, len(rows) - 1, count).astype(int)].tolist()
    return index.iloc[sorted(chosen)].reset_index(drop=True)


def disturb(
    audio: Path, index: pd.DataFrame, status: pd.DataFrame, setup: Setup, out: Path
) -> list[str]:
    """Write the features of every clip under every condition.

    The sound is brought to the features' rate and length, disturbed, and then goes the features'
    own way: cleaned as they are, and analysed with the same parameters. (Cleaning therefore sees
    the disturbed sound, as it would in use, and at the features' rate.) Draws depend on (seed,
    condition, clip id) alone: a noise has the same samples at every level.

    Parameters
    ----------
    audio
        Folder of audio shards.
    index
        Table FEATURE_INDEX of the features: the clips, in order.
    status
        Table STATUS.
    setup
        Conditions, recordings of noise, parameters of the features, seed.
    out
        Folder, emptied first: for each condition ``<name>_<level>.npy``, float16
        ``(clip, frame, bin)``, and last ``index.parquet``, the table of the clips.

    Returns
    -------
    list of str
        The clips that are silent, and so without a noise (see :func:`add_noise`).
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shape = (len(index), *feature_shape(setup.features))
    tables = {
        condition: np.lib.format.open_memmap(
            out / condition.file, mode="w+", dtype=np.float16, shape=shape
        )
        for condition in setup.conditions
    }
    sounds, size = _sounds(audio, index, status, setup.features), setup.features.batch_clips
    batches = iter(lambda: list(islice(sounds, size)), [])
    workers = os.cpu_count() or 1
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # batches are worked on beside each other
    try:
        with ThreadPoolExecutor(workers) as pool:
            done = as_done(
                pool, lambda batch: _work(batch, setup, tables), batches, ahead=workers + 1
            )
            each = (clip for _, batch in done for clip in batch)
            shown = track(each, total=len(index), what="disturb")
            silent = [clip_id for clip_id, quiet in shown if quiet]
    finally:
        torch.set_num_threads(before)
    for table in tables.values():
        table.flush()
    write_table(index, FEATURE_INDEX, out / INDEX)
    return sorted(silent)


def drawn_noises(waves: Sequence[Wave], ids: Sequence[str], name: str, setup: Setup) -> list[Wave]:
    """Return the noise of each wave, the same for all levels."""
    return [
        NOISES[name](len(wave), setup.recordings, _draws(setup, name, clip_id))
        for wave, clip_id in zip(waves, ids, strict=True)
    ]


def disturbed(
    waves: Sequence[Wave],
    ids: Sequence[str],
    condition: Condition,
    setup: Setup,
    noises: Sequence[Wave] | None = None,
) -> list[Wave]:
    """Return waves (at the features' rate) under a condition.

    Parameters
    ----------
    noises
        From :func:`drawn_noises`, to be mixed at another level; None: they are drawn.
    """
    rate_hz, name, level = setup.features.rate_hz, condition.name, condition.level
    if name == CODEC:
        return opus(waves, rate_hz, level)
    if name in NOISES:
        noises = noises or drawn_noises(waves, ids, name, setup)
        return [
            add_noise(torch.from_numpy(wave), torch.from_numpy(noise), level).numpy()
            for wave, noise in zip(waves, noises, strict=True)
        ]
    return [
        CHANNELS[name](wave, rate_hz, level, _draws(setup, name, clip_id))
        for wave, clip_id in zip(waves, ids, strict=True)
    ]


def _draws(setup: Setup, name: str, clip_id: str) -> np.random.Generator:
    return numpy_generator(setup.seed, "disturb", name, clip_id)


def analysed(waves: Sequence[Wave], params: FeatureParams) -> Array:
    """Return the features of waves at the features' rate, float16 ``(clip, frame, bin)``."""
    length = clip_samples(params)
    ready = [fit_length(clean(wave, params.rate_hz, params.cleaning)[0], length) for wave in waves]
    return stored(compute(torch.from_numpy(np.stack(ready)), params))


def _work(
    batch: list[Sound], setup: Setup, tables: Mapping[Condition, Array]
) -> list[tuple[str, bool]]:
    """Fill the clips' rows of the tables, and say which clips are silent."""
    rows = [row for row, _, _ in batch]
    ids = [clip_id for _, clip_id, _ in batch]
    waves = [wave for _, _, wave in batch]
    noises: dict[str, list[Wave]] = {}  # of one condition: its levels follow each other
    for condition, table in tables.items():
        if condition.name in NOISES and condition.name not in noises:
            noises = {condition.name: drawn_noises(waves, ids, condition.name, setup)}
        changed = disturbed(waves, ids, condition, setup, noises.get(condition.name))
        table[rows] = analysed(changed, setup.features)
    return [(clip_id, not sounding(torch.from_numpy(wave))[1]) for _, clip_id, wave in batch]


def _sounds(
    audio: Path, index: pd.DataFrame, status: pd.DataFrame, params: FeatureParams
) -> Iterator[Sound]:
    """Yield the clips of the index, shard by shard."""
    rows = {clip_id: row for row, clip_id in enumerate(index["clip_id"])}
    homes = status[status["clip_id"].isin(list(rows))]
    for name, clips in homes.groupby("path", sort=True):
        for clip_id, samples, rate_hz in read_shard(audio / str(name), list(clips["clip_id"])):
            wave = resample(samples, rate_hz, params.rate_hz)
            yield rows[clip_id], clip_id, fit_length(wave, clip_samples(params))
