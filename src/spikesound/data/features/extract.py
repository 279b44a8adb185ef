"""From audio shards to feature shards, clip by clip through the store, so that no work is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from spikesound.data import normalise
from spikesound.data.audio_shards import read_audio
from spikesound.data.features import (
    FEATURES,
    bin_names,
    clip_samples,
    compute,
    feature_shape,
    stored,
)
from spikesound.data.features.resample import Wave, fit_length, resample
from spikesound.data.shards import Array, Shards, write_shards
from spikesound.data.store import Store, digest
from spikesound.errors import SpikesoundError
from spikesound.params import FeatureParams
from spikesound.progress import track

VERSION = 1
"""To be raised when any kind's values change: what the store holds is then computed anew."""

CARRIED = ("clip_id", "fold", "media_id", "recording", "labels")
"""Columns of the clips that go on into the index."""

FRAMING = ("rate_hz", "clip_s", "window", "hop")
"""Parameters that change the values of every kind."""


@dataclass(frozen=True)
class Extraction:
    """What became of the clips."""

    asked: int  # clips in the list
    ok: int  # of which the download got; these are in the shards
    computed: int  # of which the features were computed now
    kept: int  # of which the features were in the store


def extract(
    audio: Path,
    clips: pd.DataFrame,
    status: pd.DataFrame,
    params: FeatureParams,
    store: Store,
    out: Path,
    folds: Sequence[str],
) -> Extraction:
    """Compute the features of every clip that is there, and write them as shards.

    Each clip's features go to the store as soon as they are computed, under a key of its sound and
    of the parameters that matter. A run that was killed, or has more clips, computes only what is
    missing; the shards are the same bytes as those of a run in one go.

    Parameters
    ----------
    audio
        Folder of audio shards.
    clips, status
        Tables ``CLIPS`` and ``STATUS``. Clips of another state than ``ok`` are left out.
    params
        Kinds and framing.
    store
        Where each clip's features are kept.
    out
        Folder for ``index.parquet`` and the shards (float16, ``(clip, frame, bin)``, in the order
        of ``clips``), ``normalisation.json`` (:func:`spikesound.data.normalise.fit`) and
        ``spec.json`` (parameters, bin names, frames per second).
    folds
        Held-out folds to fit normalisation for.

    Raises
    ------
    SpikesoundError
        If ``status`` has no row for a clip, no clip is ``ok``, an ``ok`` clip is not in the audio
        shards, or a fold has no clips.
    """
    rows = _usable(clips, status)
    shape = feature_shape(params)
    keys = {
        clip_id: feature_key(sha256, params)
        for clip_id, sha256 in zip(rows["clip_id"], rows["sha256"], strict=True)
    }
    missing = {clip_id: key for clip_id, key in keys.items() if _kept(store, key, shape) is None}
    _compute(audio, missing, params, store)
    arrays = (_load(store, clip_id, key, shape) for clip_id, key in keys.items())
    write_shards(out, rows.drop(columns="sha256"), arrays, params.shard_clips)
    figures = normalise.fit(Shards(out), folds, range_groups(params), params.range_db)
    normalise.save(figures, out / "normalisation.json")
    _write_spec(params, shape, out / "spec.json")
    return Extraction(len(clips), len(keys), len(missing), len(keys) - len(missing))


def feature_key(sha256: str, params: FeatureParams) -> str:
    """Make the store's key for a clip's features: of its FLAC's hash and of what changes them."""
    names = [*FRAMING, *sorted({name for kind in params.kinds for name in FEATURES[kind].uses})]
    values = [(name, getattr(params, name)) for name in names]
    flat = [part for pair in values for part in pair]
    return digest("features", VERSION, sha256, *params.kinds, *flat)


def range_groups(params: FeatureParams) -> list[normalise.Group]:
    """Say which bins share a range in [0, 1]: all of a kind of levels, none of another kind."""
    groups = []
    for kind in params.kinds:
        feature, bins = FEATURES[kind], len(FEATURES[kind].bin_names(params))
        groups += (
            [normalise.Group(bins, True)] if feature.levels else [normalise.Group(1, False)] * bins
        )
    return groups


def _usable(clips: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    """Select the clips that are ``ok``, in the order of ``clips``, with their sound's hash."""
    absent = sorted(set(clips["clip_id"]) - set(status["clip_id"]))
    if absent:
        raise SpikesoundError(
            f"status.parquet: no row for clip {absent[0]!r} of clips.parquet "
            f"({len(absent)} missing); run the download stage again"
        )
    ok = status.loc[status["state"] == "ok", ["clip_id", "sha256"]]
    rows = clips.merge(ok, on="clip_id", how="inner", validate="one_to_one")
    if rows.empty:
        raise SpikesoundError(f"status.parquet: none of the {len(clips)} clips is ok")
    return rows[[*CARRIED, "sha256"]]


def _compute(audio: Path, missing: dict[str, str], params: FeatureParams, store: Store) -> None:
    """Compute the features of the clips in ``missing`` (clip to key), and put them in the store."""
    left = set(missing)
    if not left:
        return
    waves = _waves(audio, missing, params)
    for batch in _batches(track(waves, total=len(left), what="features"), params.batch_clips):
        values = stored(compute(torch.from_numpy(np.stack([wave for _, wave in batch])), params))
        for (clip_id, _), value in zip(batch, values, strict=True):
            store.put(missing[clip_id], value.tobytes())
            left.discard(clip_id)
    if left:
        raise SpikesoundError(
            f"{audio}: clip {min(left)!r} is ok in status.parquet but in no shard "
            f"({len(left)} such clips); run the download stage again"
        )


def _waves(
    audio: Path, wanted: dict[str, str], params: FeatureParams
) -> Iterator[tuple[str, Wave]]:
    """Yield the wanted clips as they lie in the shards, at one rate and of one length."""
    length = clip_samples(params)
    for clip_id, samples, rate_hz in read_audio(audio):
        if clip_id in wanted:
            yield clip_id, fit_length(resample(samples, rate_hz, params.rate_hz), length)


def _batches(items: Iterable[tuple[str, Wave]], size: int) -> Iterator[list[tuple[str, Wave]]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _kept(store: Store, key: str, shape: tuple[int, int]) -> Path | None:
    """Find a clip's features in the store; of another size they are damaged, as if not there."""
    path = store.get(key)
    whole = np.dtype(np.float16).itemsize * shape[0] * shape[1]
    return path if path is not None and path.stat().st_size == whole else None


def _load(store: Store, clip_id: str, key: str, shape: tuple[int, int]) -> Array:
    path = _kept(store, key, shape)
    if path is None:
        raise SpikesoundError(f"{store.root}: features of clip {clip_id!r} vanished; run it again")
    return np.fromfile(path, dtype=np.float16).reshape(shape)


def _write_spec(params: FeatureParams, shape: tuple[int, int], path: Path) -> None:
    # How many clips are worked on at once changes no value, and so must not change any output.
    used = params.model_dump(exclude={"batch_clips"})
    spec = {
        "params": used,
        "frames": shape[0],
        "frame_rate_hz": params.rate_hz / params.hop,
        "bins": bin_names(params),
    }
    path.write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
