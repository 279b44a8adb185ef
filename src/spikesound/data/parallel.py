"""Many independent pieces of work on a pool of workers, a bounded number of them at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def as_done(
    pool: Executor, work: Callable[[T], R], items: Iterable[T], *, ahead: int
) -> Iterator[tuple[int, R]]:
    """Yield each item's index and ``work(item)``, in the order in which they are done.

    At most ``ahead`` items are handed to the pool at a time, so that a list of millions is not
    queued at once. What still waits is cancelled when a piece of work or the reader raises.
    """
    running: dict[Future[R], int] = {}
    try:
        for index, item in enumerate(items):
            running[pool.submit(work, item)] = index
            if len(running) >= ahead:
                yield from _take(running)
        while running:
            yield from _take(running)
    finally:
        for future in running:
            future.cancel()


def in_order(
    pool: Executor, work: Callable[[T], R], items: Iterable[T], *, ahead: int
) -> Iterator[R]:
    """Yield ``work(item)`` in the order of the items, else as :func:`as_done`."""
    running: deque[Future[R]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) >= ahead:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()


def _take(running: dict[Future[R], int]) -> Iterator[tuple[int, R]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()
