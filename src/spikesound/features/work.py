"""The work on one shard of sound: what a thread or a worker of a cluster is given to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from spikesound.audio.resampling import Wave, fit_length, resample
from spikesound.data.audio_shards import read_shard
from spikesound.data.cleaning.clean import clean, to_bytes
from spikesound.data.cleaning.fingerprint import fingerprint
from spikesound.data.store import Store
from spikesound.features import clip_samples, compute, stored
from spikesound.params import FeatureParams

Sound = tuple[str, Wave, int]


@dataclass(frozen=True)
class Job:
    """Missing entries of one clip in the store: their keys, None for what the store has."""

    features: str | None = None
    figures: str | None = None
    fingerprint: str | None = None

    def __bool__(self) -> bool:
        return any((self.features, self.figures, self.fingerprint))


@dataclass(frozen=True)
class ShardJob:
    """One shard of sound, and the missing results of its clips, by clip id."""

    path: Path
    clips: dict[str, Job]


def work_on_shard(task: ShardJob, params: FeatureParams, store: Store) -> list[str]:
    """Compute the missing results of a shard's clips, store them, and return the clips' ids.

    Only the wanted clips are decoded, ``params.batch_clips`` of them at a time.

    Raises
    ------
    SpikesoundError
        If the shard is missing or damaged, or has not all of the clips.
    """
    # Shards are worked on beside each other; threads within one would stand in their way.
    torch.set_num_threads(1)
    for batch in _batches(read_shard(task.path, task.clips), params.batch_clips):
        _work_on_batch(batch, task.clips, params, store)
    return list(task.clips)


def _work_on_batch(
    batch: list[Sound], jobs: dict[str, Job], params: FeatureParams, store: Store
) -> None:
    waves: dict[str, Wave] = {}
    for clip_id, samples, rate_hz in batch:
        job = jobs[clip_id]
        if job.fingerprint:
            store.put(job.fingerprint, fingerprint(samples, rate_hz).to_bytes())
        if not (job.features or job.figures):
            continue
        mended, figures = clean(samples, rate_hz, params.cleaning)
        if job.figures:
            store.put(job.figures, to_bytes(figures))
        if job.features:
            resampled = resample(mended, rate_hz, params.rate_hz)
            waves[job.features] = fit_length(resampled, clip_samples(params))
    if waves:
        values = stored(compute(torch.from_numpy(np.stack(list(waves.values()))), params))
        for key, value in zip(waves, values, strict=True):
            store.put(key, value.tobytes())


def _batches(items: Iterable[Sound], size: int) -> Iterator[list[Sound]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
