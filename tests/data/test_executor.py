"""Where work runs: threads here, a cluster there, and one line where there is none."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_cluster import Cluster
from distributed import Client

from spikesound.core.errors import SpikesoundError
from spikesound.data import executor as module
from spikesound.data.executor import check_seen, check_store, executor
from spikesound.data.parallel import as_done, in_order
from spikesound.data.store import Store, digest


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), 2) as running:
        running.wait()
        yield running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_without_a_scheduler_work_runs_on_threads_here() -> None:
    with executor(None, 3) as (pool, slots):
        assert slots == 3
        assert set(pool.map(lambda _: os.getpid(), range(9))) == {os.getpid()}
        check_store(pool, Store("/nowhere"))  # of no concern here
        check_seen(pool, Path("/nowhere"))


@pytest.mark.slow
def test_with_a_scheduler_work_runs_on_its_workers(cluster: Cluster) -> None:
    with executor(cluster.address, 1) as (pool, slots):
        assert slots == 2
        results = list(as_done(pool, divmod_by_seven, range(50), ahead=4))
        assert sorted(results) == [(n, (n // 7, n % 7)) for n in range(50)]
        assert list(in_order(pool, divmod_by_seven, range(9), ahead=3))[-1] == (1, 1)
        pids = {pool.submit(os.getpid).result() for _ in range(20)}
        assert os.getpid() not in pids
        assert pids <= {worker.pid for worker in cluster.workers}


def divmod_by_seven(number: int) -> tuple[int, int]:
    return divmod(number, 7)


def fail(line: str) -> None:
    raise SpikesoundError(line)


@pytest.mark.slow
def test_an_error_of_a_worker_arrives_as_itself(cluster: Cluster) -> None:
    with executor(cluster.address, 1) as (pool, _):
        future = pool.submit(fail, "shard-00000.parquet: damaged")
        with pytest.raises(SpikesoundError, match=r"^shard-00000\.parquet: damaged$"):
            future.result()


def test_a_store_that_all_workers_see_passes_and_nothing_is_left_in_it(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with executor(cluster.address, 1) as (pool, _):
        check_store(pool, Store("store"))  # relative: made absolute on its way
        (tmp_path / "file").write_text("x")
        check_seen(pool, Path("file"))
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_store_or_file_that_a_worker_does_not_see_is_named(
    cluster: Cluster, tmp_path: Path
) -> None:
    with executor(cluster.address, 1) as (pool, _):
        with pytest.raises(SpikesoundError, match=r"memory://a.*tcp://\S+: does not see what is"):
            check_store(pool, Store("memory://a"))  # each process has its own memory
        with pytest.raises(SpikesoundError, match=r"nowhere must lie where .*tcp://.*: does not"):
            check_seen(pool, tmp_path / "nowhere")


def test_another_version_on_a_worker_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "version", lambda name: "0.1")
    monkeypatch.setattr(module, "_versions", module._versions.__wrapped__)
    with (
        pytest.raises(SpikesoundError, match=r"^scheduler: distributed is \d.*, here 0\.1; inst"),
        executor(cluster.address, 1),
    ):
        pass


@pytest.mark.slow
def test_no_scheduler_at_the_address_is_one_line() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        pytest.raises(SpikesoundError, match=f"scheduler {address}: no Dask scheduler there"),
        executor(address, 1, timeout_s=1.0),
    ):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("address", ["htp:/x", "nonsense://a:1", "127.0.0.1", ""])
def test_what_is_no_address_is_one_line(address: str) -> None:
    with (
        pytest.raises(SpikesoundError, match="no Dask scheduler there") as caught,
        executor(address, 1, timeout_s=1.0),
    ):
        pass
    assert "\n" not in str(caught.value)
    # A client left over would deadlock with the next one, when the collector happens to meet it.
    gc.collect()
    assert not list(Client._instances)


@pytest.mark.slow
def test_a_scheduler_without_workers_is_one_line(tmp_path: Path) -> None:
    with (
        Cluster(tmp_path, 0) as empty,
        pytest.raises(SpikesoundError, match=r"has no workers; start some with `dask worker tcp"),
        executor(empty.address, 1, timeout_s=1.0),
    ):
        pass


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_one_line(tmp_path: Path) -> None:
    with Cluster(tmp_path, 1) as short, pytest.raises(SpikesoundError, match="lost in mid-work"):
        lose(short)


def lose(short: Cluster) -> None:
    with executor(short.address, 1, timeout_s=2.0) as (pool, _):
        assert pool.submit(digest, "a").result() == digest("a")
        short.stop_scheduler()
        list(as_done(pool, divmod_by_seven, range(9), ahead=4))


@pytest.mark.slow
def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(SpikesoundError, match=r"pip install 'spikesound\[cluster\]'"),
        executor("tcp://127.0.0.1:1", 1),
    ):
        pass
