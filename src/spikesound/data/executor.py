"""Executors: threads of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import gc
import hashlib
import os
import platform
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from spikesound.core.errors import SpikesoundError
from spikesound.data.store import Store, digest

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_S = 10.0
RETRIES = 3  # of one piece of work: a shared disk or a bucket may fail for a moment

ALIKE = ("distributed", "cloudpickle", "numpy", "torch", "soxr", "soundfile")
"""Packages whose version must be the same everywhere: without it work arrives damaged, or a result
hangs on which worker it came from."""


class Cluster(Executor):
    """The workers of a Dask cluster, as an executor.

    What is submitted, and its arguments, must be importable or picklable; a piece whose worker dies
    is done again by another, up to Dask's ``allowed-failures``.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        # Not pure: two pieces of work with equal arguments are still two.
        self._pool = client.get_executor(pure=False, retries=RETRIES)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Send one piece of work to the cluster."""
        future: Future[R] = self._pool.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the work that was submitted, or call it off."""
        self._pool.shutdown(wait and not cancel_futures)


@contextmanager
def executor(
    scheduler: str | None, workers: int, *, timeout_s: float = TIMEOUT_S
) -> Iterator[tuple[Executor, int]]:
    """Give an executor, and how many pieces of work it does at a time.

    Parameters
    ----------
    scheduler
        Address of a Dask scheduler, such as ``tcp://host:8786``; None for this machine.
    workers
        Threads on this machine; of no effect on a cluster, which has as many as its workers have.
    timeout_s
        How long to wait for the scheduler, and for a first worker.

    Raises
    ------
    SpikesoundError
        If there is no scheduler or no worker, the package ``distributed`` is not there, or a
        worker has other versions; and, in the middle of work, if the cluster breaks down.
    """
    if scheduler is None:
        with ThreadPoolExecutor(workers) as pool:
            yield pool, workers
        return
    client = _connect(scheduler, timeout_s)
    try:
        _check_versions(client)
        with _named_failures(scheduler, client):
            cluster = Cluster(client)
            yield cluster, max(1, sum(client.nthreads().values()))
    finally:
        client.close()


def check_store(pool: Executor, store: Store) -> None:
    """Check that every worker can read and write the store of this machine.

    Raises
    ------
    SpikesoundError
        If one does not; the message names it.
    """
    if not isinstance(pool, Cluster):
        return
    token = secrets.token_hex(32)
    path = store.put(token, token.encode())
    try:
        _ask_all(pool, f"{store.root}: the store", _try_store, store, token)
    finally:
        path.unlink()


def check_seen(pool: Executor, path: Path) -> None:
    """Check that every worker can read a file.

    Raises
    ------
    SpikesoundError
        If one does not; the message names it.
    """
    if isinstance(pool, Cluster):
        _ask_all(pool, f"{path}", _try_file, path.absolute())


def _ask_all(pool: Cluster, what: str, question: Callable[..., str], *arguments: object) -> None:
    """Put a question to every worker; each answers with its complaint, or nothing."""
    answers: dict[str, Any] = pool.client.run(question, *arguments, on_error="return")
    for worker, answer in sorted(answers.items()):
        if answer:
            raise SpikesoundError(
                f"{what} must lie where every worker sees it (a shared folder, or s3://...): "
                f"worker {worker}: {_one_line(answer)}"
            )


def _try_store(store: Store, token: str) -> str:
    if store.read(token) != token.encode():
        return "does not see what is put there"
    try:
        store.put(digest(token, os.getpid(), platform.node()), b"").unlink()
    except OSError as error:
        return f"cannot write there ({error})"
    return ""


def _try_file(path: Path) -> str:
    return "" if path.is_file() else "does not see it"


def _connect(scheduler: str, timeout_s: float) -> Client:
    client = _client(scheduler, timeout_s)
    if isinstance(client, str):
        # A client that could not start is still there, and closes itself when it is collected: on
        # the thread of the next one, which it would wait for, and that for it. So it goes here.
        gc.collect()
        raise SpikesoundError(
            f"scheduler {scheduler}: no Dask scheduler there ({client}); start one with "
            "`dask scheduler`, or set scheduler to null"
        )
    try:
        client.wait_for_workers(1, timeout=timeout_s)
    except TimeoutError as error:
        client.close()
        raise SpikesoundError(
            f"scheduler {scheduler}: it has no workers; start some with `dask worker {scheduler}`"
        ) from error
    return client


def _client(scheduler: str, timeout_s: float) -> Client | str:
    """Return a client, or why there is none: as a text, since an error would keep the client."""
    try:
        from distributed import Client
    except ImportError as error:
        raise SpikesoundError(
            f"scheduler {scheduler}: needs the package distributed: "
            f"pip install 'spikesound[cluster]' ({error})"
        ) from error
    if not scheduler:
        return "an empty address"  # of which Dask would make a cluster of its own
    try:
        return Client(scheduler, timeout=timeout_s, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        return _one_line(error)


@cache
def _versions() -> dict[str, str]:
    """Return the versions that must be equal; the code is that at the first call."""
    folder = Path(__file__).resolve().parents[1]
    code = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        code.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    python = ".".join(platform.python_version_tuple()[:2])
    packages = {name: version(name).partition("+")[0] for name in ALIKE}
    return {"python": python, **packages, "spikesound's code": code.hexdigest()[:12]}


def _check_versions(client: Client) -> None:
    answers: dict[str, Any] = client.run(_versions, on_error="return")
    try:  # the scheduler unpacks what it passes on
        answers["scheduler"] = client.run_on_scheduler(_versions)
    except Exception as error:
        answers["scheduler"] = error
    here = _versions()
    for worker, versions in sorted(answers.items()):
        who = worker if worker == "scheduler" else f"worker {worker}"
        if isinstance(versions, BaseException):
            raise SpikesoundError(
                f"{who}: cannot work with this ({_one_line(versions)})"
            ) from versions
        for name, ours in here.items():
            if versions[name] != ours:
                raise SpikesoundError(
                    f"{who}: {name} is {versions[name]}, here {ours}; install the same in both "
                    "places, and start it again"
                )


@contextmanager
def _named_failures(scheduler: str, client: Client) -> Iterator[None]:
    """Turn the errors of a cluster that breaks down in mid-work into one line."""
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise SpikesoundError(
            f"scheduler {scheduler}: a piece of work was given up after several workers died at it "
            f"({_one_line(error)}); their logs tell why, often too little memory"
        ) from error
    except CancelledError as error:
        if client.status == "running":
            raise
        raise SpikesoundError(
            f"scheduler {scheduler}: lost in mid-work; what was done is in the store, and another "
            "run goes on from there"
        ) from error


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
