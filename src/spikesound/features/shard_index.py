"""The index of shards as a few arrays: some 60 bytes a clip, whatever the number of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.schema import FEATURE_INDEX
from spikesound.core.seeds import derive

ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class ShardIndex:
    """Where each clip lies, and what it is.

    Attributes
    ----------
    ids : clip ids, one Arrow array of text
    numbers : a 63-bit number of each clip, derived from its id
    shards, rows : number of its shard, and its row there
    names : of the shards' files, by their numbers
    folds, fold_names : number of its fold, and the names by number
    groups : a 63-bit number of its recording; a group is never divided by a split
    labels, label_ends : the classes of all clips one after another, and where each clip's end
    classes : number of classes
    digest : SHA-256 of the index file
    """

    ids: pa.ChunkedArray
    numbers: NDArray[np.int64]
    shards: NDArray[np.int32]
    rows: NDArray[np.int32]
    names: list[str]
    folds: NDArray[np.int16]
    fold_names: list[str]
    groups: NDArray[np.int64]
    labels: NDArray[np.int16]
    label_ends: NDArray[np.int64]
    classes: int
    digest: str

    def __len__(self) -> int:
        return len(self.numbers)

    def present(self, clips: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return which classes clips have, float32 (clip, class), 1 or 0."""
        found = np.zeros((len(clips), self.classes), np.float32)
        for place, clip in enumerate(clips.tolist()):
            start = self.label_ends[clip - 1] if clip else 0
            found[place, self.labels[start : self.label_ends[clip]]] = 1.0
        return found

    def label_counts(self, clips: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return how many of the clips have each class, (class,)."""
        chosen = np.zeros(len(self), bool)
        chosen[clips] = True
        return np.bincount(self.labels[chosen[self.owners()]], minlength=self.classes)

    def owners(self) -> NDArray[np.int64]:
        """Return the clip of each entry of ``labels``."""
        return np.repeat(np.arange(len(self)), np.diff(self.label_ends, prepend=0))


def read_index(path: Path, classes: Sequence[str]) -> ShardIndex:
    """Read an index in batches of rows, so that the table as a whole is never in memory.

    Parameters
    ----------
    path : of a table FEATURE_INDEX
    classes : label ids in class order

    Raises
    ------
    SpikesoundError
        If the table is missing or damaged, has no clip or a label that is no class.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such table; run the stage that makes it (dvc repro)")
    known = {label: number for number, label in enumerate(classes)}
    shards, folds = _Numbers(), _Numbers()
    parts: list[tuple[NDArray[Any], ...]] = []
    ids: list[pa.Array] = []
    try:
        table = pq.ParquetFile(path, memory_map=True)
        if table.schema_arrow.names != FEATURE_INDEX.names:
            raise SpikesoundError(
                f"{path}: expected columns {FEATURE_INDEX.names}, got {table.schema_arrow.names}"
            )
        for batch in table.iter_batches(ROWS_AT_ONCE):
            clip_ids = batch["clip_id"].to_pylist()
            ids.append(batch["clip_id"])
            labels, lengths = _labels(batch["labels"], known, path, clip_ids)
            parts.append(
                (
                    np.fromiter((derive(0, each) for each in clip_ids), np.int64, len(batch)),
                    shards.of(batch["shard"]).astype(np.int32),
                    batch["row"].to_numpy().astype(np.int32),
                    folds.of(batch["fold"]).astype(np.int16),
                    _groups(batch["recording"]),
                    labels,
                    lengths,
                )
            )
    except pa.ArrowInvalid as error:
        raise SpikesoundError(f"{path}: not a Parquet table ({error})") from error
    if not parts:
        raise SpikesoundError(f"{path}: no clips to load")
    numbers, shard, row, fold, group, labels, lengths = (
        np.concatenate(each) for each in zip(*parts, strict=True)
    )
    return ShardIndex(
        pa.chunked_array(ids),
        numbers,
        shard,
        row,
        shards.names,
        fold,
        folds.names,
        group,
        labels,
        np.cumsum(lengths),
        len(classes),
        _sha256(path),
    )


class _Numbers:
    """Numbers of names, in the order in which they come."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._of: dict[str, int] = {}

    def of(self, column: pa.Array) -> NDArray[np.int64]:
        coded = column.dictionary_encode()
        for name in coded.dictionary.to_pylist():
            if name not in self._of:
                self._of[name] = len(self.names)
                self.names.append(name)
        places = np.array([self._of[name] for name in coded.dictionary.to_pylist()], np.int64)
        found: NDArray[np.int64] = places[coded.indices.to_numpy()]
        return found


def _groups(column: pa.Array) -> NDArray[np.int64]:
    coded = column.dictionary_encode()
    numbers = np.array([derive(0, name) for name in coded.dictionary.to_pylist()], np.int64)
    found: NDArray[np.int64] = numbers[coded.indices.to_numpy()]
    return found


def _labels(
    column: pa.ListArray, known: dict[str, int], path: Path, clip_ids: list[str]
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    lengths = column.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    coded = column.flatten().dictionary_encode()
    names = coded.dictionary.to_pylist()
    for name in names:
        if name not in known:
            first = next(
                clip for clip, labels in zip(clip_ids, column.to_pylist(), strict=True)
                if name in labels
            )  # fmt: skip
            raise SpikesoundError(f"{path}, clip {first!r}: {unknown('label', name, known)}")
    places = np.array([known[name] for name in names], np.int16)
    return places[coded.indices.to_numpy()], lengths


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
