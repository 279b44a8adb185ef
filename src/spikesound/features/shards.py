"""Shards: many clips' arrays in a few files, and the index that says where each clip lies.

Feature shards and spike shards are the same: ``index.parquet`` (``FEATURE_INDEX``) and
``shard-<number>.npz`` with one array ``x``, whose first axis is the clip. Equal content gives equal
bytes, so that a rerun changes no hash.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.core.atomic import place, written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import FEATURE_INDEX, read_table, write_table

Array = NDArray[Any]

INDEX = "index.parquet"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest date


def write_shards(
    out: Path, rows: pd.DataFrame, arrays: Iterable[Array], shard_clips: int
) -> pd.DataFrame:
    """Write one array per clip into shards, and their index. Earlier shards there are removed.

    Parameters
    ----------
    out
        Folder, made if it is not there; here, or on another file system (a ``UPath``).
    rows
        ``clip_id, fold, media_id, recording, labels`` of each clip, in the order to write.
    arrays
        One array per row, in the same order, all of one shape and dtype. Only one shard is
        held in memory.
    shard_clips
        Clips per shard.

    Returns
    -------
    pd.DataFrame
        The index, as written.

    Raises
    ------
    SpikesoundError
        If there are no rows, a clip comes twice, there are fewer or more arrays than rows, or an
        array's shape or dtype is not the first one's.
    """
    if rows.empty:
        raise SpikesoundError(f"{out}: no clips to write")
    twice = rows["clip_id"][rows["clip_id"].duplicated()]
    if len(twice):
        raise SpikesoundError(f"{out}: clip {twice.iloc[0]!r} comes twice")
    out = place(out)
    _clear(out)
    coming = _checked(out, rows["clip_id"].tolist(), arrays)
    for number, clips in enumerate(iter(lambda: list(islice(coming, shard_clips)), [])):
        _write_shard(out / _shard_name(number), np.stack(clips))
    places = range(len(rows))
    index: pd.DataFrame = rows.reset_index(drop=True).assign(
        shard=[_shard_name(place // shard_clips) for place in places],
        row=[place % shard_clips for place in places],
    )[FEATURE_INDEX.names]
    # The index comes last: where it is, the shards are whole.
    write_table(index, FEATURE_INDEX, out / INDEX)
    return index


class Shards:
    """The clips in a folder of shards.

    Attributes
    ----------
    index
        One row per clip (``FEATURE_INDEX``), in the order written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = place(folder)
        self.index = read_table(self.folder / INDEX, FEATURE_INDEX)

    def __len__(self) -> int:
        return len(self.index)

    def parts(self) -> Iterator[tuple[pd.DataFrame, Array]]:
        """Yield shard after shard: the rows of the index, and their arrays stacked."""
        for name, rows in self.index.groupby("shard", sort=False):
            yield rows, self._take(str(name), rows["row"].to_numpy())

    def load(self, clip_ids: Sequence[str] | None = None) -> Array:
        """Read clips into one array, ``(clip, ...)``.

        Parameters
        ----------
        clip_ids
            Clips in the order wanted; by default all, in the order of the index.

        Raises
        ------
        SpikesoundError
            If a clip is not in the index, or a shard is missing or damaged.
        """
        rows = self.index if clip_ids is None else self._find(list(clip_ids))
        if rows.empty:
            raise SpikesoundError(f"{self.folder}: no clips to load")
        result: Array | None = None
        for name in rows["shard"].unique():
            here = (rows["shard"] == name).to_numpy()
            values = self._take(name, rows["row"].to_numpy()[here])
            if result is None:
                result = np.empty((len(rows), *values.shape[1:]), values.dtype)
            result[here] = values
        assert result is not None
        return result

    def _find(self, clip_ids: list[str]) -> pd.DataFrame:
        known = self.index.set_index("clip_id")
        unknown = [clip_id for clip_id in clip_ids if clip_id not in known.index]
        if unknown:
            raise SpikesoundError(
                f"{self.folder / INDEX}: no clip {unknown[0]!r} ({len(unknown)} unknown); "
                f"it has {len(known)} clips, the first is {known.index[0]!r}"
            )
        return known.loc[clip_ids]

    def _take(self, name: str, rows: NDArray[np.int64]) -> Array:
        path = self.folder / name
        if not path.is_file():
            raise SpikesoundError(f"{path}: missing, though {INDEX} names it; run its stage again")
        try:
            with path.open("rb") as file, np.load(file) as content:
                values: Array = content["x"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise SpikesoundError(f"{path}: damaged ({error}); run its stage again") from error
        if rows.max() >= len(values):
            raise SpikesoundError(
                f"{path}: damaged ({len(values)} clips, {INDEX} has row {rows.max()}); "
                "run its stage again"
            )
        return values[rows]


def _shard_name(number: int) -> str:
    return f"shard-{number:05}.npz"


def _clear(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / INDEX).unlink(missing_ok=True)
    for old in out.glob("shard-*.npz*"):
        old.unlink()


def _checked(out: Path, clip_ids: list[str], arrays: Iterable[Array]) -> Iterator[Array]:
    """Yield the arrays, one for each clip, while they are as many as the clips and alike."""
    first: Array | None = None
    for clip_id, array in zip_longest(clip_ids, arrays):
        if clip_id is None:
            raise SpikesoundError(f"{out}: more arrays than the {len(clip_ids)} clips")
        if array is None:
            raise SpikesoundError(f"{out}: no array for clip {clip_id!r}, nor for those after it")
        first = array if first is None else first
        if (array.shape, array.dtype) != (first.shape, first.dtype):
            raise SpikesoundError(
                f"{out}: clip {clip_id!r} has {array.dtype} {array.shape}, "
                f"the first clip {first.dtype} {first.shape}"
            )
        yield array


def _write_shard(path: Path, values: Array) -> None:
    """Write ``values`` as the array ``x`` of an .npz file, with a fixed date in it."""
    with (
        written_aside(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
        archive.open(zipfile.ZipInfo("x.npy", EPOCH), "w", force_zip64=True) as entry,
    ):
        np.lib.format.write_array(entry, values, allow_pickle=False)
