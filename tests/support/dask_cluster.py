"""A Dask cluster of real processes on this machine, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

START_S = 30.0


class Cluster:
    """A scheduler and workers of one thread each, as processes that end with the block.

    Parameters
    ----------
    folder
        For the scheduler's file, logs, and the workers' own files.
    workers
        How many, none of them watched over by a nanny: one that is killed stays dead.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.count = workers
        self.address = ""
        self._scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "scheduler.json"
        self._scheduler = self._start(
            "dask_scheduler", "scheduler", "--port", "0", "--scheduler-file", str(file)
        )
        deadline = time.monotonic() + START_S
        while not file.exists() or not file.read_text():
            assert time.monotonic() < deadline, self.log("scheduler")
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]
        for number in range(self.count):
            self.add(f"worker-{number}")
        return self

    def add(self, name: str) -> None:
        """Start one more worker."""
        options = (
            "--nthreads",
            "1",
            "--no-nanny",
            "--name",
            name,
            "--no-dashboard",
            "--death-timeout",
            "30",
        )
        folder = ("--local-directory", str(self.folder / name))
        self.workers.append(self._start("dask_worker", name, self.address, *options, *folder))

    def wait(self) -> None:
        """Wait until all workers have registered."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=START_S)

    def kill(self, number: int) -> None:
        """Kill a worker, so that it can do nothing more."""
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait()

    def stop_scheduler(self) -> None:
        """Kill the scheduler."""
        assert self._scheduler is not None
        self._scheduler.kill()
        self._scheduler.wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _start(self, module: str, name: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1"]
        if module == "dask_scheduler":
            # Should these tests be killed, the cluster ends by itself.
            command += ["--no-dashboard", "--no-jupyter", "--idle-timeout", "300s"]
        # What is sent to a worker is imported there by its name: also out of a file of tests.
        support = Path(__file__).parent
        path = [str(support), str(support.parent / "data"), os.environ.get("PYTHONPATH", "")]
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [*command, *options],
                cwd=self.folder,  # not this process's: relative paths must not happen to work
                env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path)},
                stdout=log,
                stderr=log,
            )

    def __exit__(self, *_: object) -> None:
        processes = [*self.workers, self._scheduler]
        for process in processes:
            if process is not None:
                process.kill()
                process.wait()
