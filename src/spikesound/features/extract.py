"""From audio shards to feature shards, clip by clip through the store, so that no work is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from spikesound.core.atomic import place, written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.core.schema import CLEANING, write_table
from spikesound.data.audio_shards import STATUS_FILE
from spikesound.data.cleaning.clean import Figures, from_bytes, looks
from spikesound.data.cleaning.duplicates import Match, find_duplicates
from spikesound.data.cleaning.fingerprint import Fingerprint
from spikesound.data.cleaning.report import cleaning_table, summary
from spikesound.data.executor import check_seen, check_store, executor
from spikesound.data.parallel import as_done, in_order
from spikesound.data.store import Store
from spikesound.features import FEATURES, bin_names, feature_shape, normalisation
from spikesound.features.plan import STORE_READERS, missing_of, shard_jobs, wanted_of
from spikesound.features.shards import Array, Shards, write_shards
from spikesound.features.work import Job, ShardJob, work_on_shard
from spikesound.params import CleaningParams, FeatureParams

CARRIED = ("clip_id", "fold", "media_id", "recording", "labels")
"""Columns of the clips that go on into the index."""


@dataclass(frozen=True)
class Extraction:
    """Result of extraction: numbers of clips by outcome."""

    asked: int  # clips in the list
    ok: int  # of which the download got; these are in the shards, but for those cleaning left out
    computed: int  # of which something was computed now
    kept: int  # of which all was in the store
    cleaning: dict[str, int] = field(default_factory=dict)  # see cleaning.report.summary


def extract(
    audio: Path,
    clips: pd.DataFrame,
    status: pd.DataFrame,
    params: FeatureParams,
    store: Store,
    out: Path,
    folds: Sequence[str],
    *,
    scheduler: str | None = None,
    workers: int | None = None,
) -> Extraction:
    """Compute the features of every clip that is there, and write them as shards.

    Each clip's features go to the store as soon as they are computed, under a key of its sound and
    of the parameters that matter. A run that was killed, or has more clips, computes only what is
    missing, and reads only the audio shards that hold it; the shards are the same bytes as those of
    a run in one go, on however many workers.

    Parameters
    ----------
    audio
        Folder of audio shards; this, ``out`` and the store may be on any file system of fsspec.
    clips, status
        Tables ``CLIPS`` and ``STATUS``. Clips of another state than ``ok`` are left out.
    params
        Kinds, framing and cleaning.
    store
        Where each clip's features are kept.
    out
        Folder for ``index.parquet`` and the shards (float16, ``(clip, frame, bin)``, in the order
        of ``clips``), ``normalisation.json`` (:func:`spikesound.features.normalisation.fit`),
        ``spec.json`` (parameters, bin names, frames per second) and ``cleaning.parquet``
        (``CLEANING``).
    folds
        Held-out folds to fit normalisation for.
    scheduler
        Address of a Dask scheduler; None works on this machine.
    workers
        Threads on this machine; None takes as many as it has processors.

    Raises
    ------
    SpikesoundError
        If ``status`` has no row for a clip, no clip is ``ok``, an ``ok`` clip is not in the audio
        shards, a fold has no clips, or cleaning leaves none; of a cluster, as
        :func:`spikesound.data.executor.executor` and its checks.
    """
    audio, out = place(audio), place(out)
    rows = _usable(clips, status)
    params = fitted(params, status)
    shape = feature_shape(params)
    wanted = [wanted_of(sha256, params) for sha256 in rows["sha256"]]
    tasks = shard_jobs(audio, rows, missing_of(wanted, shape, store))
    computed = sum(len(task.clips) for task in tasks)
    _run(tasks, params, store, scheduler, workers)

    table = _cleaned(rows, wanted, params.cleaning, store)
    stays = table["kept"].to_numpy()
    taken = [job.features for job, kept in zip(wanted, stays, strict=True) if kept]
    index_rows = rows.loc[stays, list(CARRIED)].reset_index(drop=True)
    arrays = (_array(content, shape) for content in _read(store, taken))
    write_shards(out, index_rows, arrays, params.shard_clips)
    figures = normalisation.fit(Shards(out), folds, range_groups(params), params.range_db)
    figures = with_fixed_ranges(figures, params)
    normalisation.save(figures, out / "normalisation.json")
    _write_spec(params, shape, out / "spec.json")
    write_table(table, CLEANING, out / "cleaning.parquet")
    kept = len(rows) - computed
    return Extraction(len(clips), len(rows), computed, kept, summary(table, rows))


def fitted(params: FeatureParams, status: pd.DataFrame) -> FeatureParams:
    """Return the parameters with the length of the longest clip there is, unless one is given."""
    if params.clip_s is not None:
        return params
    longest_s = float(status.loc[status["state"] == "ok", "seconds"].max())
    return params.model_copy(update={"clip_s": round(longest_s, 3)})


def range_groups(params: FeatureParams) -> list[normalisation.Group]:
    """Return the groups of bins that share a range in [0, 1]: all levels of a kind, no others."""
    groups = []
    for kind in params.kinds:
        feature, bins = FEATURES[kind], len(FEATURES[kind].bin_names(params))
        groups += (
            [normalisation.Group(bins, True)]
            if feature.levels
            else [normalisation.Group(1, False)] * bins
        )
    return groups


def with_fixed_ranges(
    figures: normalisation.Figures, params: FeatureParams
) -> normalisation.Figures:
    """Return the ranges of each fold, with those of kinds whose range is fixed in their place."""
    found = {fold: {end: list(ends) for end, ends in of.items()} for fold, of in figures.items()}
    start = 0
    for kind in params.kinds:
        feature, bins = FEATURES[kind], len(FEATURES[kind].bin_names(params))
        if feature.fixed is not None:
            for ends in found.values():
                ends["low"][start : start + bins] = [feature.fixed[0]] * bins
                ends["high"][start : start + bins] = [feature.fixed[1]] * bins
        start += bins
    return found


def _usable(clips: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    """Select the clips that are ``ok``, in the order of ``clips``, with their sound's hash."""
    absent = sorted(set(clips["clip_id"]) - set(status["clip_id"]))
    if absent:
        raise SpikesoundError(
            f"status.parquet: no row for clip {absent[0]!r} of clips.parquet "
            f"({len(absent)} missing); run the download stage again"
        )
    ok = status.loc[status["state"] == "ok", ["clip_id", "sha256", "path"]]
    rows = clips.merge(ok, on="clip_id", how="inner", validate="one_to_one")
    if rows.empty:
        raise SpikesoundError(f"status.parquet: none of the {len(clips)} clips is ok")
    return rows[[*CARRIED, "sha256", "path"]]


def _run(
    tasks: list[ShardJob],
    params: FeatureParams,
    store: Store,
    scheduler: str | None,
    workers: int | None,
) -> None:
    if not tasks:
        return
    total = sum(len(task.clips) for task in tasks)
    work = partial(work_on_shard, params=params, store=store)
    with _torch_threads(), executor(scheduler, workers or os.cpu_count() or 1) as (pool, slots):
        check_store(pool, store)
        check_seen(pool, tasks[0].path.parent / STATUS_FILE)
        done = as_done(pool, work, tasks, ahead=2 * slots)
        for _ in track((clip for _, ids in done for clip in ids), total=total, what="features"):
            pass


@contextmanager
def _torch_threads() -> Iterator[None]:
    """Put back the number of torch's threads, which the work sets to 1."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _cleaned(
    rows: pd.DataFrame, wanted: list[Job], params: CleaningParams, store: Store
) -> pd.DataFrame:
    """Make the table CLEANING from what the store has of each clip."""
    figures: Mapping[str, Figures] = {}
    matches: Mapping[int, Match] = {}
    if looks(params):
        found = map(from_bytes, _read(store, [job.figures for job in wanted]))
        figures = dict(zip(rows["clip_id"], found, strict=True))
    if params.duplicates != "keep":
        prints = map(Fingerprint.from_bytes, _read(store, [job.fingerprint for job in wanted]))
        matches = find_duplicates(
            track(prints, total=len(rows), what="duplicates"), params.duplicate_errors
        )
    return cleaning_table(rows, figures, matches, params)


def _read(store: Store, keys: Sequence[str | None]) -> Iterator[bytes]:
    """Read the values of the keys, in their order, a few ahead."""

    def read(key: str | None) -> bytes:
        content = None if key is None else store.read(key)
        if content is None:
            raise SpikesoundError(f"{store.root}: {key} vanished from it; run it again")
        return content

    with ThreadPoolExecutor(STORE_READERS) as pool:
        yield from in_order(pool, read, keys, ahead=4 * STORE_READERS)


def _array(content: bytes, shape: tuple[int, int]) -> Array:
    return np.frombuffer(content, dtype=np.float16).reshape(shape)


def _write_spec(params: FeatureParams, shape: tuple[int, int], path: Path) -> None:
    # How many clips are worked on at once changes no value, and so must not change any output.
    used = params.model_dump(exclude={"batch_clips"})
    spec = {
        "params": used,
        "frames": shape[0],
        "frame_rate_hz": params.rate_hz / params.hop,
        "bins": bin_names(params),
    }
    with written_aside(path) as file:
        file.write((json.dumps(spec, indent=2) + "\n").encode())
