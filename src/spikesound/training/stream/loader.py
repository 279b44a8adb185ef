"""Batches of an epoch, read from the shards by this process or by workers of a DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from spikesound.training.stream.clips import StreamedClips
from spikesound.training.stream.order import EpochOrder, Rows


@dataclass(frozen=True)
class Read:
    """Clips as they lie in the shards, with their labels.

    Attributes
    ----------
    x : spikes or values of each clip, as :meth:`.clips.StreamedClips.raw` returns them
    numbers : of each clip, from which its draws derive
    present, active : labels, as :meth:`.clips.StreamedClips.labels` returns them
    """

    x: torch.Tensor
    numbers: npt.NDArray[np.int64]
    present: npt.NDArray[np.float32]
    active: npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class Batch:
    """One rank's share of a batch.

    Attributes
    ----------
    number : of the batch in its epoch
    size : clips of all ranks
    clips : of this rank
    partners : the clip that each is blended with; None: mixup is off
    """

    number: int
    size: int
    clips: Read
    partners: Read | None


class Batches(Dataset[Batch]):
    """The batches of an epoch by their numbers."""

    def __init__(self, clips: StreamedClips, order: EpochOrder, *, blend: bool) -> None:
        self.clips, self.order, self.blend = clips, order, blend

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, number: int) -> Batch:
        rows = self.order.rows(number)
        partners = self._read(self.order.partners(rows)) if self.blend else None
        return Batch(number, self.order.size(number), self._read(rows), partners)

    def _read(self, rows: Rows) -> Read:
        x = torch.from_numpy(self.clips.raw(rows))
        return Read(x, self.clips.numbers(rows), *self.clips.labels(rows))


def batches(
    clips: StreamedClips, order: EpochOrder, *, blend: bool, workers: int = 0, first: int = 0
) -> Iterator[Batch]:
    """Yield the batches of an epoch from the one with number ``first`` on, in their order.

    Parameters
    ----------
    blend : whether each clip's partner is read too
    workers : processes that read ahead; 0: this one reads
    """
    dataset = Batches(clips, order, blend=blend)
    numbers = range(first, len(dataset))
    if not workers:
        yield from map(dataset.__getitem__, numbers)
        return
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_as_it_is,
    )
    yield from loader


def _as_it_is(batch: Any) -> Any:
    return batch
