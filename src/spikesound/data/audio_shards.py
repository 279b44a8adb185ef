"""Shards of sound: many clips' FLAC streams in one Parquet file, written and read in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.audio.flac import from_flac
from spikesound.core.atomic import place
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import AUDIO, STATUS, read_table, write_table

STATUS_FILE = "status.parquet"
"""Table STATUS in an audio folder. It is written last: a folder without it is unfinished."""


def clear(folder: Path) -> None:
    """Remove the status table and every shard, so that none of an earlier run stays behind."""
    for pattern in (STATUS_FILE, "shard-*.parquet", "*.part"):
        for path in list(folder.glob(pattern)):
            path.unlink()


def write_audio(
    folder: Path, flacs: Iterable[tuple[str, bytes]], shard_clips: int
) -> dict[str, str]:
    """Write (clip_id, FLAC stream) pairs into shards of a number of clips, in the order they come.

    Returns the file name of each clip's shard.
    """
    homes: dict[str, str] = {}
    coming = iter(flacs)
    for number, clips in enumerate(iter(lambda: list(islice(coming, shard_clips)), [])):
        name = f"shard-{number:05d}.parquet"
        write_table(pd.DataFrame(clips, columns=AUDIO.names), AUDIO, folder / name)
        homes |= {clip_id: name for clip_id, _ in clips}
    return homes


def read_audio(folder: Path | str) -> Iterator[tuple[str, NDArray[np.float32], int]]:
    """Yield each clip's id, samples in [-1, 1) and sampling rate in Hz, shard by shard.

    Raises
    ------
    SpikesoundError
        If the folder is unfinished, or a shard is missing or damaged; the message names the file.
    """
    folder = place(folder)
    status = read_table(folder / STATUS_FILE, STATUS)
    for name in status.loc[status["state"] == "ok", "path"].drop_duplicates():
        yield from read_shard(folder / name)


def read_shard(
    path: Path, wanted: Collection[str] | None = None
) -> Iterator[tuple[str, NDArray[np.float32], int]]:
    """Yield the clips of one shard, or only the wanted ones, as :func:`read_audio` does.

    A clip that is not wanted is not decoded.

    Raises
    ------
    SpikesoundError
        If the shard is missing or damaged, or a wanted clip is not in it.
    """
    shard = read_table(path, AUDIO)
    if wanted is not None:
        absent = sorted(set(wanted) - set(shard["clip_id"]))
        if absent:
            raise SpikesoundError(
                f"{path}: clip {absent[0]!r} is ok in {STATUS_FILE} but not in this shard "
                f"({len(absent)} such clips); run the download stage again"
            )
        shard = shard[shard["clip_id"].isin(list(wanted))]
    for clip_id, flac in zip(shard["clip_id"], shard["flac"], strict=True):
        try:
            samples, rate_hz = from_flac(flac)
        except SpikesoundError as error:
            raise SpikesoundError(f"{path}, clip {clip_id}: {error}") from error
        yield clip_id, samples, rate_hz
