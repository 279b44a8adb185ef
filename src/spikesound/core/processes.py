"""Independent pieces of long work, each in a process of its own, as many at a time as cores."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue
from typing import TypeVar

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track

R = TypeVar("R")
T = TypeVar("T")
Report = Callable[[], None]


def cores() -> int:
    """Return how many threads may work at once: OMP_NUM_THREADS, or the machine's cores."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdecimal() and int(limit) else len(os.sched_getaffinity(0))


def in_parallel(
    work: Callable[[T, Report], R],
    requests: Sequence[T],
    *,
    what: str,
    pieces: int,
    unit: str = "epoch",
    workers: int | None = None,
) -> list[R]:
    """Return a function's result for each request, in their order.

    With several requests each is done by a process of its own, on one thread; a single one is done
    here, on all cores. One bar shows all of them.

    Parameters
    ----------
    work : a function of a module; its second argument is called after each piece of work
    requests : picklable
    what, unit : of the bar
    pieces : pieces of work in each request, at most

    Raises
    ------
    SpikesoundError
        The first error of a request; the others are stopped. Also where a process was killed.
    """
    bar = track(range(pieces * len(requests)), total=pieces * len(requests), what=what, unit=unit)
    workers = min(workers or cores(), len(requests))
    if workers == 1:
        done = [work(request, lambda: next(bar, None)) for request in requests]  # type: ignore[arg-type]
    else:
        done = _by_processes(work, requests, workers, bar)
    for _ in bar:  # early stopping: what was not needed is done
        pass
    return done


def _by_processes(
    work: Callable[[T, Report], R], requests: Sequence[T], workers: int, bar: object
) -> list[R]:
    context = multiprocessing.get_context("spawn")
    reports: SimpleQueue[bool] = context.SimpleQueue()

    def show() -> None:
        while reports.get():
            next(bar, None)  # type: ignore[call-overload]

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    pool = ProcessPoolExecutor(workers, context, _start, (reports,))
    try:
        futures = [pool.submit(_work, work, request) for request in requests]
        for future in as_completed(futures):
            future.result()  # the first error ends the others
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise SpikesoundError(
            "a process was killed (out of memory?); run again: finished trainings are kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
        reports.put(False)
        shower.join()


_reports: SimpleQueue[bool] | None = None


def _start(reports: SimpleQueue[bool]) -> None:
    import torch  # seconds, which the process that waits for these need not spend

    global _reports
    _reports = reports
    end_with_parent()
    torch.set_num_threads(1)


def end_with_parent() -> None:
    """Let this process of a pool end as soon as the one that hands out work has ended.

    A killed process leaves its pool's processes behind: they finish their work and wait for more.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(work: Callable[[T, Report], R], request: T) -> R:
    assert _reports is not None
    reports = _reports
    return work(request, lambda: reports.put(True))
