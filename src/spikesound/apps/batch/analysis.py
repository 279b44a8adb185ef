"""Many sounds through a model, several at a time."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from spikesound.apps.annotations import Labelled
from spikesound.apps.api import Model
from spikesound.apps.batch.processes import Process
from spikesound.audio.paths import SoundFile
from spikesound.core.errors import SpikesoundError
from spikesound.core.names import readable
from spikesound.core.processes import cores, end_with_parent

BYTES_A_WORKER = 1 << 22
"""Files of fewer bytes are done before another process, which loads torch, has started."""


@dataclass(frozen=True)
class Analysed:
    """What came of one sound.

    Attributes
    ----------
    sha256 : of the file's content; empty if it cannot be read
    labelled : the output; None if it failed, or is known by its content
    error : why it failed
    """

    sha256: str
    labelled: Labelled | None = None
    error: SpikesoundError | None = None


def analyse(
    model: Model,
    loading: Callable[[], Model],
    process: Process,
    sounds: Sequence[SoundFile],
    known: Collection[str] = (),
    jobs: int | None = None,
) -> Iterator[tuple[SoundFile, Analysed]]:
    """Yield what comes of each sound, as soon as it is there, in whatever order.

    Parameters
    ----------
    model, loading : the model, and what loads it in other processes
    process : picklable, as loading is
    sounds : files, or the standard input
    known : digests of contents whose outputs are known; they are not computed again
    jobs : processes; None: as many as there are cores, if there is enough for them to do

    Raises
    ------
    SpikesoundError
        If a process was killed.
    """
    known = frozenset(known)
    workers = _workers(sounds, jobs)
    if workers <= 1:
        for sound in sounds:
            yield sound, analyse_one(model, process, sound, known)
        return
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        _start,
        (loading, process, known),
    )
    try:
        futures = {pool.submit(_work, sound): sound for sound in sounds}
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    except BrokenProcessPool as error:
        raise SpikesoundError(
            "a process was killed (out of memory?); the same command goes on (--jobs 1: needs less)"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def analyse_one(
    model: Model, process: Process, sound: SoundFile, known: Collection[str] = ()
) -> Analysed:
    """Return what comes of one sound."""
    sha256 = ""
    try:
        if sound.path is not None:
            sha256 = digest_of(sound.path)
        if sha256 in known:
            return Analysed(sha256)
        samples = model.samples(sys.stdin.buffer if sound.path is None else sound.path)
        return Analysed(sha256, process(model, samples, readable(str(sound))))
    except SpikesoundError as error:
        return Analysed(sha256, error=error)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises
    ------
    SpikesoundError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpikesoundError(f"{path}: cannot be read: {error.strerror}") from error


def _workers(sounds: Sequence[SoundFile], jobs: int | None) -> int:
    paths = [sound.path for sound in sounds if sound.path is not None]
    if len(paths) < len(sounds):  # a process of its own has no standard input
        return 1
    if jobs is None:
        size = sum(path.stat().st_size for path in paths if path.exists())
        jobs = min(cores(), size // BYTES_A_WORKER)
    return min(jobs, len(sounds))


_worker: tuple[Model, Process, frozenset[str]] | None = None


def _start(loading: Callable[[], Model], process: Process, known: frozenset[str]) -> None:
    import torch

    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    end_with_parent()
    torch.set_num_threads(1)
    _worker = loading(), process, known


def _work(sound: SoundFile) -> Analysed:
    assert _worker is not None
    model, process, known = _worker
    return analyse_one(model, process, sound, known)
