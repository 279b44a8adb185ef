"""Folders of recordings, such as the noises that clips are mixed with."""

from __future__ import annotations

import os
from pathlib import Path

import soundfile

from spikesound.audio.containers import examine
from spikesound.audio.resampling import Wave, resample
from spikesound.core.errors import SpikesoundError

SUFFIXES = (".flac", ".mp3", ".oga", ".ogg", ".wav")


def read_recordings(folder: Path, rate_hz: int) -> list[Wave]:
    """Read all sound files of a folder, in the order of their names, mixed to one channel.

    Raises
    ------
    SpikesoundError
        If the folder has none, or one is damaged, silent or shorter than 1 s.
    """
    paths = sorted(path for path in folder.glob("[!.]*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise SpikesoundError(
            f"{folder}: no recording of noise in it; valid: {', '.join(SUFFIXES)}"
        )
    return [_read(path, rate_hz) for path in paths]


def _read(path: Path, rate_hz: int) -> Wave:
    try:
        samples, from_hz = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise SpikesoundError(f"{path}: {error}") from error
    container = examine(path)
    if container.fault or container.to_the_end:
        raise SpikesoundError(f"{path}: {container.fault or 'its header does not say its length'}")
    if len(samples) < from_hz:
        raise SpikesoundError(
            f"{path}: too short: expected at least 1 s, got {len(samples) / from_hz:.2f} s"
        )
    if not samples.any():
        raise SpikesoundError(f"{path}: silent")
    return resample(samples.mean(axis=1), from_hz, rate_hz)
