"""Shards of sound: many clips' FLAC streams in one Parquet file, written and read in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikesound.data.media import from_flac
from spikesound.errors import SpikesoundError
from spikesound.schema import AUDIO, STATUS, read_table, write_table

STATUS_FILE = "status.parquet"
"""Table STATUS in an audio folder. It is written last: a folder without it is unfinished."""


def clear(folder: Path) -> None:
    """Remove the status table and every shard, so that none of an earlier run stays behind."""
    for pattern in (STATUS_FILE, "shard-*.parquet", "*.part"):
        for path in folder.glob(pattern):
            path.unlink()


def write_audio(
    folder: Path, flacs: Iterable[tuple[str, bytes]], shard_clips: int
) -> dict[str, str]:
    """Write (clip_id, FLAC stream) pairs into shards of so many clips, in the order they come.

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
    folder = Path(folder)
    status = read_table(folder / STATUS_FILE, STATUS)
    for name in status.loc[status["state"] == "ok", "path"].drop_duplicates():
        shard = read_table(folder / name, AUDIO)
        for clip_id, flac in zip(shard["clip_id"], shard["flac"], strict=True):
            try:
                samples, rate_hz = from_flac(flac)
            except SpikesoundError as error:
                raise SpikesoundError(f"{folder / name}, clip {clip_id}: {error}") from error
            yield clip_id, samples, rate_hz
