"""Made-up clips in audio shards, with their tables, for tests of the features."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from spikesound.audio.flac import to_flac
from spikesound.core.atomic import place
from spikesound.core.schema import CLIPS, STATUS, write_table
from spikesound.data.audio_shards import STATUS_FILE, write_audio
from spikesound.data.store import Store
from spikesound.features.extract import Extraction, extract
from spikesound.params import FeatureParams

RATE_HZ = 16000
FOLDS = ["1", "2"]
SMALL = {
    "rate_hz": 8000,
    "high_hz": 4000.0,
    "clip_s": 0.5,
    "window": 256,
    "hop": 128,
    "mels": 20,
    "mfccs": 8,
    "batch_clips": 3,
    "shard_clips": 4,
    "kinds": ["mel", "rms"],
}
"""Small features of short clips, in batches that do not divide their number."""


def small(params: FeatureParams) -> FeatureParams:
    """Return the parameters with the small features."""
    return FeatureParams.model_validate(params.model_dump() | SMALL)


class Sounds:
    """A folder of audio shards, with its tables, of made-up clips of several lengths.

    Parameters
    ----------
    root
        Holds the folder ``audio`` and ``clips.parquet``; a local path or an address.
    count
        How many clips.
    louder
        The id of a clip that is made loud.
    instead
        Samples, 16 bit, of clips that are not to be noise, by their ids.
    """

    def __init__(
        self,
        root: Path,
        count: int,
        louder: str | None = None,
        instead: dict[str, np.ndarray] | None = None,
        shard_clips: int = 5,
    ) -> None:
        self.audio = place(root) / "audio"
        samples = {f"clip-{n}": self._sound(n, louder) for n in range(count)} | (instead or {})
        self.flacs = {name: to_flac(values, RATE_HZ) for name, values in samples.items()}
        # The shards' order is not the list's: clips come back in the list's order all the same.
        homes = write_audio(self.audio, sorted(self.flacs.items(), reverse=True), shard_clips)
        names = list(self.flacs)
        self.clips = pd.DataFrame(
            {
                "clip_id": names,
                "media_id": [f"media-{name}" for name in names],
                "recording": [f"recording-{name}" for name in names],
                "start_s": 0.0,
                "end_s": 1.0,
                "labels": [["/m/a"]] * len(names),
                "fold": [str(1 + n % 2) for n in range(len(names))],
            }
        )
        self.status = pd.DataFrame(
            {
                "clip_id": names,
                "state": "ok",
                "reason": "",
                "attempts": 1,
                "seconds": 1.0,
                "bytes": [len(flac) for flac in self.flacs.values()],
                "sha256": [hashlib.sha256(flac).hexdigest() for flac in self.flacs.values()],
                "path": [homes[name] for name in names],
            }
        )
        write_table(self.status, STATUS, self.audio / STATUS_FILE)
        write_table(self.clips, CLIPS, place(root) / "clips.parquet")

    @staticmethod
    def _sound(number: int, louder: str | None) -> np.ndarray:
        generator = np.random.default_rng(number)
        length = 4000 + 1000 * (number % 9)  # shorter and longer than clip_s
        amplitude = 20000 if louder == f"clip-{number}" else 500 + 50 * number
        return generator.uniform(-amplitude, amplitude, length).astype(np.int16)

    def without(self, *clip_ids: str) -> pd.DataFrame:
        return self.clips[~self.clips["clip_id"].isin(clip_ids)]

    def extract(
        self,
        params: FeatureParams,
        root: Path,
        clips: pd.DataFrame | None = None,
        scheduler: str | None = None,
        workers: int | None = None,
    ) -> Extraction:
        return extract(
            self.audio,
            self.clips if clips is None else clips,
            self.status,
            params,
            Store(place(root) / "store"),
            place(root) / "features",
            FOLDS,
            scheduler=scheduler,
            workers=workers,
        )


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
