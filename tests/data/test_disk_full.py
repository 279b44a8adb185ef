"""A download to a disk that takes no more: one line that names the file, and no clip is blamed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import fetch_all as program
import pytest
from fetch_all import SOUNDS, parameters, steady
from mirror import Mirror, Pace

from spikesound.core.schema import STATUS, read_table

NAMES = steady(4)
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.argv = sys.argv[1:]
sys.path.insert(0, str(__import__("pathlib").Path(sys.argv[0]).parent))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "file"), [(4000, "recordings"), (90_000, "")])
def test_a_full_disk_stops_the_run_and_the_next_one_completes_it(
    tmp_path: Path, limit: int, file: str
) -> None:
    recordings = {f"{name}.ogg": SOUNDS / f"{name}.ogg" for name in NAMES}
    with Mirror(recordings, pace=Pace(bytes_per_s=None, latency_s=0.0)) as mirror:
        job = {
            "clips": [(name, 0.0, 4.0) for name in NAMES],
            "address": mirror.url + "/{media_id}.ogg",
            "params": parameters(backoff_s=0.01).model_dump(),
            "store": str(tmp_path / "store"),
            "out": str(tmp_path / "out"),
        }
        (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = [program.__file__, str(tmp_path / "job.json")]
        full = [sys.executable, "-c", LIMITED.format(limit=limit), *command]
        done = subprocess.run(full, capture_output=True, text=True)
        assert done.returncode == 1
        [line] = [line for line in done.stderr.split("\n") if "File too large" in line]
        assert line.startswith(f"error: {tmp_path / 'store' / file}"), done.stderr
        assert "Traceback" not in done.stderr
        assert subprocess.run([sys.executable, *command], capture_output=True).returncode == 0
    assert (read_table(tmp_path / "out/status.parquet", STATUS)["state"] == "ok").all()
