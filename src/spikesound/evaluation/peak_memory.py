"""Peak memory of a function, in this process or in one of its own."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.folds import Load
from spikesound.evaluation.timed_calls import once

T = TypeVar("T")


def peak_mb(run: Callable[[], object]) -> float | None:
    """Measure by how much a call raises the resident memory at its peak (glibc; else None).

    The call must have been made before: what is loaded and cached once is not counted.
    """
    status = Path("/proc/self/status")
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)  # or the call would be served from what lies freed
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
        before = _kb(status, "VmRSS")
        run()
        return round((_kb(status, "VmHWM") - before) / 1024, 1)
    except (OSError, AttributeError):
        return None


def model_peak_mb(
    folder: Path, clip: NDArray[np.float32], backend: str, load: Load
) -> float | None:
    """Return by how much loading a model and scoring a clip raises this process's memory, in MB.

    Of a detector some frames of the clip are scored, one by one.

    It is done twice, and the second time is measured: the first one brings in the libraries' code,
    which is larger than any of the models. None where the system does not tell (:func:`peak_mb`).

    Parameters
    ----------
    clip : float32 (step, 1, frame, bin)
    backend : of :data:`spikesound.inference.backends.BACKENDS`
    """

    def run() -> None:
        with torch.inference_mode():
            once(*load(folder), clip, backend)()

    run()
    return peak_mb(run)


def alone(function: Callable[..., T], *arguments: object) -> T:
    """Call a function of a module in a new process, and return its result.

    The processes are forked from one that has torch loaded and nothing else done, where the system
    can. The script that calls this needs ``if __name__ == "__main__"``.

    Raises
    ------
    SpikesoundError
        If the process ends before it answers, as when memory runs out.
    """
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload([function.__module__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise SpikesoundError(
                f"{function.__name__}{arguments[:1]}: its process ended without an answer"
            ) from error


def _kb(status: Path, field: str) -> int:
    return next(int(line.split()[1]) for line in status.open() if line.startswith(field + ":"))
