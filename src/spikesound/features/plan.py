"""Plan of an extraction: the clips that the store lacks, and the shards that hold them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from spikesound.data.cleaning.clean import figures_key, looks, mends
from spikesound.data.cleaning.fingerprint import fingerprint_key
from spikesound.data.parallel import in_order
from spikesound.data.store import Store, digest
from spikesound.features import FEATURES
from spikesound.features.work import Job, ShardJob
from spikesound.params import FeatureParams

VERSION = 1
"""To be raised when any kind's values change: what the store holds is then recomputed."""

FRAMING = ("rate_hz", "clip_s", "window", "hop")
"""Parameters that change the values of every kind."""

STORE_READERS = 8
"""Threads that read the store: it may lie where each answer takes its time."""


def feature_key(sha256: str, params: FeatureParams) -> str:
    """Make the store's key for a clip's features: of its FLAC's hash and of what changes them."""
    names = [*FRAMING, *sorted({name for kind in params.kinds for name in FEATURES[kind].uses})]
    values = [(name, getattr(params, name)) for name in names]
    flat = [part for pair in values for part in pair]
    return digest("features", VERSION, sha256, *params.kinds, *flat, *mends(params.cleaning))


def wanted_of(sha256: str, params: FeatureParams) -> Job:
    """Return the store's keys of all results wanted of a clip."""
    cleaning = params.cleaning
    return Job(
        feature_key(sha256, params),
        figures_key(sha256, cleaning) if looks(cleaning) else None,
        fingerprint_key(sha256) if cleaning.duplicates != "keep" else None,
    )


def missing_of(wanted: list[Job], shape: tuple[int, int], store: Store) -> list[Job]:
    """Take from each job what the store has; features of another size are as if not there."""
    whole = np.dtype(np.float16).itemsize * shape[0] * shape[1]

    def lacking(job: Job) -> Job:
        assert job.features is not None
        return Job(
            None if store.size(job.features) == whole else job.features,
            None if job.figures is None or store.size(job.figures) else job.figures,
            None if job.fingerprint is None or _there(store, job.fingerprint) else job.fingerprint,
        )

    with ThreadPoolExecutor(STORE_READERS) as pool:
        return list(in_order(pool, lacking, wanted, ahead=4 * STORE_READERS))


def _there(store: Store, key: str) -> bool:
    return store.size(key) is not None


def shard_jobs(audio: Path, rows: pd.DataFrame, missing: list[Job]) -> list[ShardJob]:
    """Gather the clips that lack something by the shard that holds them."""
    shards: dict[str, dict[str, Job]] = {}
    for clip_id, name, job in zip(rows["clip_id"], rows["path"], missing, strict=True):
        if job:
            shards.setdefault(name, {})[clip_id] = job
    return [ShardJob((audio / name).absolute(), jobs) for name, jobs in shards.items()]
