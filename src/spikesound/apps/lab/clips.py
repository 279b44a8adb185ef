"""From a table of labelled files to the features that networks are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError, choose, unknown
from spikesound.core.json_files import write_json
from spikesound.features import compute, normalisation
from spikesound.features.extract import range_groups, with_fixed_ranges
from spikesound.features.shards import Shards, write_shards
from spikesound.params import FeatureParams

Floats = npt.NDArray[np.float32]

COLUMNS = ("file", "label", "fold", "recording")
"""Columns of a table of clips. Clips of one recording are never divided between training and
validation, and must be of one fold. With several labels a clip, a cell of ``label`` is a list."""


def read_clip(path: Path | str, params: FeatureParams) -> Floats:
    """Return the samples of a clip: mono, at ``params.rate_hz``, cut or padded to ``clip_s``.

    Parameters
    ----------
    params : with ``clip_s`` None the sound has its own length

    Raises
    ------
    SpikesoundError
        Naming the file: if it is missing, damaged, or has no sound.
    """
    samples = np.concatenate(list(blocks(Path(path), params.rate_hz)))
    if params.clip_s is None:
        return samples
    length = round(params.clip_s * params.rate_hz)
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def checked(clips: pd.DataFrame, test_fold: str) -> pd.DataFrame:
    """Return the table with its columns as text, but for lists of labels; a row a clip.

    Raises
    ------
    SpikesoundError
        If a column is missing, a file stands there twice, a recording is in two folds, there are
        fewer than two labels, or no clip is of the test fold, or none of another.
    """
    missing = [column for column in COLUMNS if column not in clips]
    if missing:
        raise SpikesoundError(f"clips: no column {missing[0]!r}; expected {', '.join(COLUMNS)}")
    rows = clips[list(COLUMNS)].reset_index(drop=True)
    for column in ("file", "fold", "recording"):
        rows[column] = rows[column].astype(str)
    twice = rows.loc[rows["file"].duplicated(), "file"]
    if len(twice):
        raise SpikesoundError(f"clips: {twice.iloc[0]} stands there twice")
    divided = rows.groupby("recording")["fold"].nunique()
    if (divided > 1).any():
        raise SpikesoundError(f"clips: recording {divided.idxmax()!r} is in more than one fold")
    if len(set().union(*labels_of(rows))) < 2:
        raise SpikesoundError("clips: fewer than two labels; a classifier needs two")
    folds = set(rows["fold"])
    if test_fold not in folds:
        raise unknown("test_fold", test_fold, folds)
    if len(folds) == 1:
        raise SpikesoundError("clips: all are of the test fold; none is left to train on")
    return rows


def labels_of(clips: pd.DataFrame) -> list[list[str]]:
    """Return the labels of each clip, of one or of several a clip."""
    return [
        [label] if isinstance(label, str) else sorted(map(str, label)) for label in clips["label"]
    ]


def write_features(clips: pd.DataFrame, params: FeatureParams, fold: str, out: Path) -> Shards:
    """Write the features of all clips as the features stage does, and return them.

    Parameters
    ----------
    clips : see :func:`checked`; the clip id is the file
    params : with ``clip_s``
    fold : held out for testing: the range of the features is fitted without its clips
    """
    rows = pd.DataFrame(
        {
            "clip_id": clips["file"],
            "fold": clips["fold"],
            "media_id": clips["file"],
            "recording": clips["recording"],
            "labels": labels_of(clips),
        }
    )
    write_shards(out, rows, _features(clips["file"], params), params.shard_clips)
    shards = Shards(out)
    fitted = normalisation.fit(shards, [fold], range_groups(params), params.range_db)
    ranges = with_fixed_ranges(fitted, params)
    normalisation.save(ranges, out / "normalisation.json")
    write_json(out / "spec.json", {"params": params.model_dump(exclude={"batch_clips"})})
    return shards


def read_features(folder: Path, fold: str, file: str) -> Floats:
    """Return the features of a clip as networks get them, (frame, bin) in [0, 1].

    Parameters
    ----------
    folder, fold : of :func:`write_features`

    Raises
    ------
    SpikesoundError
        If no clip is of this file.
    """
    shards = Shards(folder)
    rows = {clip: number for number, clip in enumerate(shards.index["clip_id"])}
    values = shards.load()[choose(rows, file, "file of the clips")]
    low, high = normalisation.load(folder / "normalisation.json", fold)
    return normalisation.apply(values, low, high).astype(np.float16).astype(np.float32)


def _features(files: pd.Series[str], params: FeatureParams) -> Iterator[npt.NDArray[np.float16]]:
    for path in files:
        values = compute(torch.from_numpy(read_clip(path, params)[None]), params)
        yield values[0].numpy().astype(np.float16)
