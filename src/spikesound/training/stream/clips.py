"""Clips of training and evaluation that stay on disk; of each, some 60 bytes are in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.core.bitpack import unpack
from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.json_files import read_json
from spikesound.core.seeds import derive
from spikesound.features import normalisation
from spikesound.features.mapped_shards import MappedShards
from spikesound.features.shard_index import ShardIndex, read_index
from spikesound.features.shards import INDEX
from spikesound.params import ClassificationParams, DetectionParams

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer[Any]]

SHARES = 1 << 20
"""Parts into which recordings are divided for a validation share."""


@dataclass(frozen=True)
class Ranges:
    """From features in their own units to [0, 1]; ``low`` and ``high`` by bin."""

    low: Floats
    high: Floats


@dataclass(frozen=True)
class Times:
    """Strong labels of clips, sorted by clip.

    Attributes
    ----------
    ends : where each clip's end in the other arrays
    classes : class of each event
    first, last : its first frame, and the first frame after it
    """

    ends: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int16]
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]


@dataclass(frozen=True)
class StreamedClips:
    """What :class:`spikesound.training.dataset.Dataset` offers, read from shards when asked for.

    Attributes
    ----------
    index, shards : of the folder
    chosen : rows of the index that are these clips
    bins : size of the feature axis
    ranges : by which features become values; None: the shards hold inputs as they are
    neurons_per_bin : how many neighbours on the feature axis stand in place of one bin
    times : strong labels; None: unknown
    """

    index: ShardIndex
    shards: MappedShards
    chosen: npt.NDArray[np.int32]
    bins: int
    ranges: Ranges | None = None
    neurons_per_bin: int = 1
    times: Times | None = None

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def spikes(self) -> bool:
        """Whether the inputs are spikes, packed, and not values."""
        return self.shards.dtype == np.uint8

    @property
    def ids(self) -> list[str]:
        """Clip ids, as a list of them all; :meth:`ids_of` takes no more than it is asked for."""
        return self.ids_of(np.arange(len(self)))

    @property
    def folds(self) -> list[str]:
        """Fold of each clip."""
        names = self.index.fold_names
        return [names[number] for number in self.index.folds[self.chosen]]

    @property
    def groups(self) -> list[str]:
        """A name of the recording of each clip: its number."""
        return [str(number) for number in self.index.groups[self.chosen].tolist()]

    @property
    def present(self) -> Floats:
        """Which labels all clips have (clip, class); :meth:`labels` takes rows."""
        return self.index.present(self.chosen)

    @property
    def inputs(self) -> _Inputs:
        """Inputs of all clips, of which slices are read when they are taken."""
        return _Inputs(self)

    def without(self, fold: str) -> StreamedClips:
        """Return the clips of all folds but this one."""
        return self.select(np.flatnonzero(self._of_fold() != self._fold(fold)))

    def only(self, fold: str) -> StreamedClips:
        """Return the clips of this fold."""
        return self.select(np.flatnonzero(self._of_fold() == self._fold(fold)))

    def select(self, rows: Rows) -> StreamedClips:
        """Return the clips of the given rows."""
        return replace(self, chosen=self.chosen[rows])

    def raw(self, rows: Rows) -> npt.NDArray[Any]:
        """Return clips as they lie in the shards (row, ...)."""
        at = self.chosen[rows]
        return self.shards.take(self.index.shards[at], self.index.rows[at])

    def batch(self, rows: Rows) -> Floats:
        """Return the inputs of the given rows as float32 (row, step, frame, bin)."""
        values = self.raw(rows)
        if self.spikes:
            return unpack(values, self.bins).astype(np.float32)
        if self.ranges is not None:
            # In half precision, as a dataset in memory holds them.
            exact = normalisation.apply(values, self.ranges.low, self.ranges.high)
            values = exact.astype(np.float16)[:, None]
        return values.astype(np.float32)

    def labels(self, rows: Rows) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
        """Return which labels the clips have (row, class), and in which frames."""
        at = self.chosen[rows]
        return self.index.present(at), None if self.times is None else self._active(at)

    def numbers(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Return the number of each clip, derived from its id."""
        return self.index.numbers[self.chosen[rows]]

    def ids_of(self, rows: Rows) -> list[str]:
        """Return the ids of the given rows."""
        found: list[str] = self.index.ids.take(self.chosen[rows]).to_pylist()
        return found

    def class_counts(self) -> npt.NDArray[np.int64]:
        """Return how many of the clips have each class."""
        return self.index.label_counts(self.chosen)

    def digest(self) -> str:
        """Return what the clips depend on: index, checksums of the shards, choice, ranges."""
        parts = [self.index.digest, self.shards.checksums(), str(self.bins)]
        arrays: list[npt.NDArray[Any]] = [self.chosen]
        if self.ranges is not None:
            arrays += [self.ranges.low, self.ranges.high]
        if self.times is not None:
            arrays += [self.times.ends, self.times.classes, self.times.first, self.times.last]
        parts += [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]
        return " ".join(parts)

    def _of_fold(self) -> npt.NDArray[np.int16]:
        return self.index.folds[self.chosen]

    def _fold(self, fold: str) -> int:
        if fold not in self.index.fold_names:
            raise unknown("fold", fold, self.index.fold_names)
        return self.index.fold_names.index(fold)

    def _active(self, clips: Rows) -> npt.NDArray[np.bool_]:
        assert self.times is not None
        frames = self.shards.shape[-2]
        active = np.zeros((len(clips), frames, self.index.classes), bool)
        for place, clip in enumerate(clips.tolist()):
            start = self.times.ends[clip - 1] if clip else 0
            for at in range(start, self.times.ends[clip]):
                first, last = self.times.first[at], self.times.last[at]
                active[place, first:last, self.times.classes[at]] = True
        return active


@dataclass(frozen=True)
class _Inputs:
    """Inputs of streamed clips as a sequence of arrays in half precision."""

    clips: StreamedClips

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def shape(self) -> tuple[int, ...]:
        """Clips, steps, frames, and bins or bytes of packed spikes."""
        of_clip = self.clips.shards.shape
        return len(self), *((1, *of_clip) if len(of_clip) == 2 else of_clip)

    def __getitem__(self, rows: slice) -> npt.NDArray[np.float16]:
        return self.clips.batch(np.arange(len(self))[rows]).astype(np.float16)


def stream_features(folder: Path, classes: Sequence[str], fold: str) -> StreamedClips:
    """Return the clips of feature shards, normalised with the ranges of the other folds' clips."""
    low, high = normalisation.load(folder / "normalisation.json", fold)
    clips = _stream(folder, classes, len(low))
    return replace(clips, ranges=Ranges(low, high))


def stream_spikes(folder: Path, classes: Sequence[str]) -> tuple[StreamedClips, dict[str, Any]]:
    """Return the clips of one fold's spike shards, and the shards' ``spec.json``."""
    spec: dict[str, Any] = read_json(folder / "spec.json")
    clips = _stream(folder, classes, spec["bins"])
    return replace(clips, neurons_per_bin=spec["neurons_per_bin"]), spec


def stream_parts(
    clips: StreamedClips, fold: str, params: ClassificationParams | DetectionParams, seed: int
) -> tuple[StreamedClips, StreamedClips]:
    """Return the clips to train on and those to validate on; none is of the held-out fold.

    With a validation share, a recording is validated on if a hash of (seed, recording) is below the
    share: whatever the number of recordings, none is on both sides.

    Raises
    ------
    SpikesoundError
        If there is no such fold, or nothing is left to train or to validate on.
    """
    known = clips.without(fold)
    if params.validation_fold is None:
        key = np.uint64(derive(seed, "split"))
        groups = known.index.groups[known.chosen].astype(np.uint64)
        mixed = (groups ^ key) * np.uint64(0x9E3779B97F4A7C15)
        share = (mixed >> np.uint64(44)).astype(np.int64)  # 20 bits
        held = share < round(params.validation_share * SHARES)
        parts = known.select(np.flatnonzero(~held)), known.select(np.flatnonzero(held))
    else:
        order = sorted(clips.index.fold_names)
        previous = order[order.index(fold) - 1]
        parts = known.without(previous), known.only(previous)
    for part, use in zip(parts, ("train", "validate"), strict=True):
        if not len(part):
            raise SpikesoundError(
                f"fold {fold!r}: no clips are left to {use} on; set validation_fold or another "
                "validation_share"
            )
    return parts


def with_times(
    clips: StreamedClips, events: pd.DataFrame, classes: Sequence[str], hop_s: float
) -> StreamedClips:
    """Return the clips with the frames in which each class sounds.

    Raises
    ------
    SpikesoundError
        If no clip has an event, or one has labels and no events.
    """
    row = {clip: number for number, clip in enumerate(clips.index.ids.to_pylist())}
    column = {label: number for number, label in enumerate(classes)}
    known = events[events["clip_id"].isin(row) & events["label"].isin(column)]
    if known.empty:
        raise SpikesoundError(
            "no clip has strong labels (events): detection needs a source that has them"
        )
    owner = known["clip_id"].map(row).to_numpy(np.int64)
    labelled = np.diff(clips.index.label_ends, prepend=0) > 0
    without = np.flatnonzero(labelled & (np.bincount(owner, minlength=len(row)) == 0))
    if len(without):
        raise SpikesoundError(
            f"clip {clips.index.ids[int(without[0])].as_py()!r} has labels but no events "
            f"({len(without)} such clips): all clips of detection's source need strong labels"
        )
    order = np.argsort(owner, kind="stable")
    return replace(
        clips,
        times=Times(
            np.cumsum(np.bincount(owner, minlength=len(row))),
            known["label"].map(column).to_numpy().astype(np.int16)[order],
            np.ceil(known["onset_s"].to_numpy() / hop_s).astype(np.int32)[order],
            np.ceil(known["offset_s"].to_numpy() / hop_s).astype(np.int32)[order],
        ),
    )


def _stream(folder: Path, classes: Sequence[str], bins: int) -> StreamedClips:
    index = read_index(folder / INDEX, classes)
    shards = MappedShards(folder, index.names)
    return StreamedClips(index, shards, np.arange(len(index), dtype=np.int32), bins)
