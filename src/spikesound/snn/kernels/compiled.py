"""Settings of numba: no reordering of sums, cache on disk, threads by OpenMP as torch's."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar, cast

import numba
import torch

F = TypeVar("F", bound=Callable[..., Any])

# OpenMP starts a loop several times faster than numba's own "workqueue", and sleeps beside torch.
if "omp" in numba.config.THREADING_LAYER_PRIORITY:
    numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]

OPTIONS: dict[str, Any] = {"cache": True, "fastmath": False, "error_model": "numpy", "nogil": True}

prange = numba.prange

_HOME = os.getpid()
"""The process that has the threads: OpenMP ends a forked child that asks for its parent's."""


def serial(function: F) -> F:
    """Compile a function for one thread."""
    return cast(F, numba.njit(**OPTIONS)(function))


def inlined(function: F) -> F:
    """Compile a small function into those that call it."""
    return cast(F, numba.njit(inline="always", **OPTIONS)(function))


def parallel(function: F) -> F:
    """Compile a function whose ``prange`` loops are divided among threads, for calls from Python.

    In a forked process, as a worker of torch's data loader is, it runs on one thread.
    """
    threaded = numba.njit(parallel=True, **OPTIONS)(function)
    alone = numba.njit(**OPTIONS)(_renamed(function))

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return threaded(*arguments) if os.getpid() == _HOME else alone(*arguments)

    return cast(F, call)


def _renamed(function: Callable[..., Any]) -> FunctionType:
    """Return a copy under another name, by which numba's cache on disk tells it from the first."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, function.__globals__, f"{function.__name__}_alone")
    copy.__qualname__, copy.__module__ = copy.__name__, function.__module__
    return copy


def share_threads() -> int:
    """Let numba use as many threads as torch does, and return how many; 1 in a forked process."""
    if os.getpid() != _HOME:
        return 1
    wanted = torch.get_num_threads()
    threads: int = min(wanted, numba.config.NUMBA_NUM_THREADS)
    if numba.get_num_threads() != threads:
        numba.set_num_threads(threads)
    if torch.get_num_threads() != wanted:  # numba's first start sets OpenMP's number, torch's too
        torch.set_num_threads(wanted)
    return threads
