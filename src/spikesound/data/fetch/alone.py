"""Exclusive use of a recording's place in the scratch folder, among all runs that share a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spikesound.audio.ffmpeg import MediaError
from spikesound.data.fetch.place import is_here
from spikesound.data.fetch.recording import Recording, place_of

LONGEST_S = 600.0
"""Time that another run may take for one attempt at a recording."""

_DIGITS = 3
"""Of a recording's hash, in the name of its lock: 4096 files at most, which stay."""


@contextmanager
def alone(recording: Recording, scratch: Path, wait_s: float = LONGEST_S) -> Iterator[None]:
    """Keep other threads and processes, of this run and of others, away from a recording's place.

    The lock is the operating system's: it ends with the process that holds it. A recording on a
    disk has no place in the scratch folder and needs none.

    Raises
    ------
    MediaError
        ``failed``, to be tried again, if another run still has it after ``wait_s``.
    """
    if is_here(recording.location):
        yield
        return
    folder = scratch.with_name("locks")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / place_of(recording, scratch).name[:_DIGITS])
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        reason = f"another run has been at this recording for {wait_s:.0f} s"
        raise MediaError("failed", reason, retry=True) from error
    try:
        yield
    finally:
        lock.release()
