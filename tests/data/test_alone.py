"""Runs that share a store or a folder keep out of each other's way."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spikesound.audio.ffmpeg import MediaError
from spikesound.core.atomic import beside
from spikesound.data.download import _scratch
from spikesound.data.fetch.alone import alone
from spikesound.data.fetch.recording import Clip, Recording
from spikesound.data.results import restore_or_compute
from spikesound.data.store import Store


def recording(location: str) -> Recording:
    return Recording("a", location, (Clip("a_0", 0.0, 1.0),))


@pytest.mark.parametrize("location", ["https://x.org/a.ogg", "memory://bucket/a.wav"])
def test_a_recording_is_one_runs_at_a_time(tmp_path: Path, location: str) -> None:
    scratch = tmp_path / "recordings"
    with alone(recording(location), scratch):
        with (
            pytest.raises(MediaError, match="another run has been at this") as error,
            alone(recording(location), scratch, wait_s=0.05),
        ):
            pass
        assert (error.value.state, error.value.retry) == ("failed", True)
        with alone(recording("https://x.org/another.ogg"), scratch, wait_s=0.05):
            pass
    with alone(recording(location), scratch, wait_s=0.05):
        pass


def test_a_file_on_a_disk_needs_no_lock(tmp_path: Path) -> None:
    here = recording(str(tmp_path / "a.ogg"))
    with alone(here, tmp_path / "recordings"), alone(here, tmp_path / "recordings", wait_s=0.0):
        assert not (tmp_path / "locks").exists()


@pytest.mark.slow
def test_a_run_that_is_killed_holds_nothing_up(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from spikesound.data.fetch.alone import alone\n"
        "from spikesound.data.fetch.recording import Clip, Recording\n"
        "one = Recording('a', 'https://x.org/a.ogg', (Clip('a_0', 0.0, 1.0),))\n"
        "with alone(one, Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    scratch = tmp_path / "recordings"
    assert subprocess.run([sys.executable, "-c", code, str(scratch)]).returncode == -9
    with alone(recording("https://x.org/a.ogg"), scratch, wait_s=0.05):
        pass


def test_stores_elsewhere_have_a_scratch_folder_each() -> None:
    folders = [_scratch(Store(f"memory://{bucket}/store")) for bucket in ("a", "a", "b")]
    assert folders[0] == folders[1] != folders[2]


def test_names_of_what_is_under_way_differ() -> None:
    made = {beside(Path("x/a.parquet")).name for _ in range(1000)}
    assert len(made) == 1000
    assert all(name.startswith("a.parquet.") and name.endswith(".part") for name in made)


def test_two_that_compute_one_result_at_once_both_have_it(tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def one(number: int) -> bool:
        out = tmp_path / str(number)

        def compute() -> None:
            out.mkdir()
            (out / "a.txt").write_text("result")
            both.wait(timeout=10)

        return restore_or_compute(tmp_path / "store", "key", [out], compute)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(2))) == [False, False]
    assert restore_or_compute(tmp_path / "store", "key", [tmp_path / "c"], lambda: None)
    assert (tmp_path / "c/a.txt").read_text() == "result"
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["key"]
