"""The download on a Dask cluster of real processes, one killed in mid-run: as from here."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import pytest
from dask_cluster import Cluster
from fetch_all import clips_of, parameters, steady, whole
from mirror import Mirror, Pace, Plan
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.data import executor
from spikesound.data.download import download
from spikesound.data.store import Store

pytestmark = pytest.mark.slow

SOUNDS = ROOT / "data/esc10/audio"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("shard-*.parquet")}


def test_a_cluster_that_loses_a_worker_ends_as_one_process_does(tmp_path: Path) -> None:
    media_ids = steady(60)
    clips = [(name, 0.5, 4.5) for name in media_ids]
    plan = Plan([f"{name}.ogg" for name in media_ids], 2, {"busy": 0.1, "removed": 0.1})
    files = {f"{name}.ogg": SOUNDS / f"{name}.ogg" for name in media_ids}
    pace = Pace(bytes_per_s=400_000, latency_s=0.05, retry_after_s=0)
    params = parameters(workers=8, backoff_s=0.1)
    states, shards = [], []
    with Cluster(tmp_path / "cluster", 3) as cluster:
        for name, scheduler in (("there", cluster.address), ("here", None)):
            store = Store(tmp_path / name / "store")
            if scheduler:
                threading.Thread(target=kill_after, args=(cluster, store.root, 15)).start()
            with Mirror(files, plan=plan, pace=pace) as mirror:
                address = mirror.url + "/{media_id}.ogg"
                status = download(
                    clips_of(clips),
                    lambda media_id, address=address: address.format(media_id=media_id),
                    params,
                    store,
                    tmp_path / name / "out",
                    scheduler=scheduler,
                )
            states.append(dict(zip(media_ids, status["state"], strict=True)))
            shards.append(content(tmp_path / name / "out"))
        assert [worker.poll() for worker in cluster.workers] == [None, -9, None]
    assert states[0] == states[1] == {m: plan.expected(f"{m}.ogg") for m in media_ids}
    assert len(whole(tmp_path / "there/out", clips)) == 54
    assert shards[0] == shards[1]


def test_workers_find_cookies_by_a_relative_path_and_leave_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = steady(1)[0]
    (tmp_path / "here").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with (
        Cluster(tmp_path / "cluster", 1) as cluster,
        Mirror({f"{name}.ogg": SOUNDS / f"{name}.ogg"}, pace=Pace(None, 0.0)) as mirror,
    ):
        monkeypatch.chdir(tmp_path / "here")
        Path("cookies.txt").write_text("# Netscape HTTP Cookie File\n", encoding="utf-8")
        status = download(
            clips_of([(name, 0.5, 4.5)]),
            lambda media_id: f"{mirror.url}/{media_id}.ogg",
            parameters(cookies="cookies.txt"),
            Store(tmp_path / "store"),
            tmp_path / "out",
            scheduler=cluster.address,
        )
    assert status["state"].tolist() == ["ok"], status["reason"].tolist()
    assert not list((tmp_path / "tmp").glob("*cookies*"))


def kill_after(cluster: Cluster, store: Path, files: int) -> None:
    """Kill a worker once there are so many files in the store."""
    deadline = time.monotonic() + 30
    while len(list(store.glob("??/??/*"))) < files and time.monotonic() < deadline:
        time.sleep(0.01)
    cluster.kill(1)


def test_a_scheduler_that_is_not_there_is_named_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(executor.executor.__wrapped__.__kwdefaults__, "timeout_s", 0.5)
    with pytest.raises(SpikesoundError, match=r"tcp://127\.0\.0\.1:9.*dask scheduler"):
        download(
            clips_of([("a", 0.0, 1.0)]),
            lambda media_id: f"http://127.0.0.1:9/{media_id}.ogg",
            parameters(),
            Store(tmp_path / "store"),
            tmp_path / "out",
            scheduler="tcp://127.0.0.1:9",
        )
    assert not (tmp_path / "out").exists()
