"""Work in processes: results in the order of the requests, the first error, one process or none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

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


def endless(folder: str, report: Report) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


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


@pytest.mark.slow
def test_processes_end_with_the_one_that_was_killed(tmp_path: Path) -> None:
    code = (
        "from test_processes import endless; from spikesound.core.processes import in_parallel; "
        f"in_parallel(endless, [{str(tmp_path)!r}] * 2, what='work', pieces=1, workers=2)"
    )
    paths = [str(Path(__file__).parent), *sys.path]
    program = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    )
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert all(map(running, workers))
    program.kill()
    program.wait()
    wait_for(lambda: not any(map(running, workers)))


def running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(there: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
