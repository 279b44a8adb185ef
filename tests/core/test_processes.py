"""Work in processes: results in the order of the requests, the first error, one process or none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from spikesound.core.errors import SpikesoundError
from spikesound.core.processes import cores, in_parallel

Report = Callable[[], None]


def work(number: int, report: Report) -> tuple[int, int]:
    """Return the number and the process; lower numbers take longer."""
    time.sleep(0.1 * (3 - number))
    report()
    return number, os.getpid()


def fail(number: int, report: Report) -> int:
    if number == 1:
        raise SpikesoundError("number 1: fails")
    return number


def end(number: int, report: Report) -> None:
    os._exit(1)


def test_cores_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("workers", [1, None])
def test_a_single_request_or_a_single_worker_needs_no_process(workers: int | None) -> None:
    requests = [2] if workers is None else [2, 3]
    done = in_parallel(work, requests, what="work", pieces=1, workers=workers)
    assert done == [(number, os.getpid()) for number in requests]


@pytest.mark.slow
def test_results_have_the_order_of_the_requests() -> None:
    done = in_parallel(work, [0, 1, 2, 3], what="work", pieces=1, workers=2)
    assert [number for number, _ in done] == [0, 1, 2, 3]
    processes = {process for _, process in done}
    assert os.getpid() not in processes
    assert 1 <= len(processes) <= 2


@pytest.mark.slow
def test_the_error_of_a_request_and_the_end_of_a_process_are_told() -> None:
    with pytest.raises(SpikesoundError, match="number 1: fails"):
        in_parallel(fail, [0, 1, 2], what="work", pieces=1, workers=2)
    with pytest.raises(SpikesoundError, match="a process was killed"):
        in_parallel(end, [0, 1], what="work", pieces=1, workers=2)
