"""Settings of numba: no reordering of sums, cache on disk, threads by OpenMP as torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import torch

F = TypeVar("F", bound=Callable[..., Any])

# OpenMP starts a loop several times faster than numba's own "workqueue", and sleeps beside torch.
if "omp" in numba.config.THREADING_LAYER_PRIORITY:
    numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]

OPTIONS: dict[str, Any] = {"cache": True, "fastmath": False, "error_model": "numpy", "nogil": True}

prange = numba.prange


def serial(function: F) -> F:
    """Compile a function for one thread."""
    return cast(F, numba.njit(**OPTIONS)(function))


def inlined(function: F) -> F:
    """Compile a small function into those that call it."""
    return cast(F, numba.njit(inline="always", **OPTIONS)(function))


def parallel(function: F) -> F:
    """Compile a function whose ``prange`` loops are divided among threads."""
    return cast(F, numba.njit(parallel=True, **OPTIONS)(function))


def share_threads() -> int:
    """Let numba use as many threads as torch does, and return how many."""
    wanted = torch.get_num_threads()
    threads: int = min(wanted, numba.config.NUMBA_NUM_THREADS)
    if numba.get_num_threads() != threads:
        numba.set_num_threads(threads)
    if torch.get_num_threads() != wanted:  # numba's first start sets OpenMP's number, torch's too
        torch.set_num_threads(wanted)
    return threads
