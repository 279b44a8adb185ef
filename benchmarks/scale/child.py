"""A command as a child process: how long it took, its processor time and its peak of memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikesound.core.errors import SpikesoundError

POLL_S = 0.02
NOTE_S = 2.0
"""Between two notes of the time so far, which a run after a kill goes on from."""


@dataclass(frozen=True)
class Measured:
    """Time of a command over all attempts, and the peak of its largest process.

    Attributes
    ----------
    attempts : 1, and one for each time that it was killed
    cpu_s : of all its processes, of the last attempt
    peak_mb : resident memory of the largest process, of the last attempt
    """

    seconds: float
    attempts: int
    cpu_s: float
    peak_mb: float


def measure(command: Sequence[str], folder: Path, notes: Path, *, anew: bool = False) -> Measured:
    """Run a command in a folder and measure it. Needs Linux, where ``ru_maxrss`` counts kB.

    The kernel gives the usage of the child and of the processes that it waited for. A child's peak
    begins at the peak of the process that starts it, so that this one must stay small.

    Parameters
    ----------
    notes
        File of the time that earlier attempts took, removed at the end.
    anew
        Whether nothing of an earlier attempt is of use, so that its time does not count.

    Raises
    ------
    SpikesoundError
        If the command fails; names it.
    """
    before_s, attempts = (float(x) for x in notes.read_text().split()) if notes.exists() else (0, 0)
    before_s = 0.0 if anew else before_s
    notes.parent.mkdir(parents=True, exist_ok=True)
    began = noted = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder)
    try:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            now = time.perf_counter()
            if pid:
                break
            if now - noted > NOTE_S:
                notes.write_text(f"{before_s + now - began} {attempts + 1}")
                noted = now
            time.sleep(POLL_S)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise SpikesoundError(
            f"{' '.join(command)}: exit code {process.returncode}; run it again to go on from here"
        )
    notes.unlink(missing_ok=True)
    cpu_s = usage.ru_utime + usage.ru_stime
    return Measured(before_s + now - began, int(attempts) + 1, cpu_s, usage.ru_maxrss / 1024)
