"""The processes that train one network together: which of them this is, and who speaks for all.

``torchrun`` starts a process for each device, and ``fabric run`` starts ``torchrun``; each process
is told its place by environment variables. The place of a process is its rank, from 0.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from spikesound.core.errors import SpikesoundError
from spikesound.core.processes import in_parallel

R = TypeVar("R")
T = TypeVar("T")
Report = Callable[[], None]

RUN_ID = "spikesound"
"""Name of a run whose processes a stage started itself."""

END_S = 5.0
"""Time in which a launcher that notices the end of one process ends the others."""

WATCH_S = 1.0
"""Interval at which a process looks whether its launcher is there."""

LOST = ("gloo", "Connection closed by peer", "Connection reset by peer")
"""What errors say of a connection between processes that is lost."""


class LostRank(SpikesoundError):
    """The end of another process that trains the same network."""


@dataclass(frozen=True)
class Ranks:
    """Place of this process among those that train one network together.

    Attributes
    ----------
    rank : of this process, from 0
    count : processes of all machines
    devices : of this machine, each with a process
    run : name of the run; None: nothing has launched this process as one of several
    """

    rank: int = 0
    count: int = 1
    devices: int = 1
    run: str | None = None

    @property
    def machines(self) -> int:
        """Number of machines.

        Raises
        ------
        SpikesoundError
            If they have different numbers of processes.
        """
        if self.count % self.devices:
            raise SpikesoundError(
                f"expected the same number of processes on each machine, got {self.devices} of "
                f"{self.count} on this one"
            )
        return self.count // self.devices

    @property
    def first(self) -> bool:
        """Whether this process writes, shows progress and prints."""
        return self.rank == 0


def ranks() -> Ranks:
    """Return the place of this process, as its launcher has set it in the environment."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Ranks()
    return Ranks(
        rank=int(os.environ["RANK"]),
        count=int(os.environ["WORLD_SIZE"]),
        devices=int(os.environ["LOCAL_WORLD_SIZE"]),
        run=os.environ["TORCHELASTIC_RUN_ID"],
    )


def in_turn(
    work: Callable[[T, Report], R], requests: Sequence[T], *, what: str, pieces: int
) -> list[R]:
    """Return a function's result for each request, done one after another by all ranks together.

    Arguments are those of :func:`spikesound.core.processes.in_parallel`; the first rank shows the
    bar. This process ends when its launcher has ended.

    Raises
    ------
    LostRank
        If another process has ended, or cannot be reached.
    """
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        if ranks().first:
            return in_parallel(work, requests, what=what, pieces=pieces, workers=1)
        return [work(request, lambda: None) for request in requests]
    except RuntimeError as error:  # torch.distributed's errors are such
        if not _is_of_connection(error):
            raise
        raise LostRank(
            f"rank {ranks().rank}: another process of the training was killed, or its connection "
            "is lost. Run again: the training goes on from its checkpoint"
        ) from error


@contextmanager
def one_voice() -> Iterator[None]:
    """Let an error that all ranks meet be reported once.

    The first rank reports it, and its launcher ends the others, which wait for that. An error of
    one of the others alone is reported after the wait. The loss of a rank is reported by the
    stage that started them, where there is one.
    """
    place = ranks()
    try:
        yield
    except SpikesoundError as error:
        if not place.first or (isinstance(error, LostRank) and place.run == RUN_ID):
            time.sleep(END_S)
        raise


def _is_of_connection(error: RuntimeError) -> bool:
    return type(error).__name__.startswith("Dist") or any(sign in str(error) for sign in LOST)


def _end_with(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(WATCH_S)
    os._exit(1)
