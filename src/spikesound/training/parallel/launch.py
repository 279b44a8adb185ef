"""Launch of a script as several processes on this machine, one for each device."""

from __future__ import annotations

import logging
import sys
from signal import Signals

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from spikesound.core.errors import SpikesoundError
from spikesound.core.ranks import RUN_ID

HOST = "127.0.0.1"


def launch(devices: int, script: str, *arguments: str) -> None:
    """Run a script by as many processes as devices, as ``torchrun`` does.

    Each process gets the environment variables of ``torchrun``
    (:func:`spikesound.core.ranks.ranks`). One that fails by itself has said why; this process
    then exits with its code.

    Raises
    ------
    SpikesoundError
        If one of them was killed.
    """
    # What its errors say is said below, in one line.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=RUN_ID,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{HOST}:0",
        local_addr=HOST,
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)(script, *arguments)
    except SignalException as error:
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        codes = {rank: each.exitcode for rank, each in error.failures.items()}
        if (killed := _killed(codes)) is None:
            sys.exit(max(codes.values()))
        rank, by = killed
        raise SpikesoundError(
            f"rank {rank} was killed ({by.name}); out of memory? Run again: the training goes on "
            "from its checkpoint"
        ) from error


def _killed(codes: dict[int, int]) -> tuple[int, Signals] | None:
    """Return the rank that a signal has ended, and the signal; None: one has failed by itself.

    The launcher ends the others by SIGTERM.

    Parameters
    ----------
    codes : exit code of each rank that has not succeeded, below 0 of a signal
    """
    ended = [(rank, Signals(-code)) for rank, code in codes.items() if code < 0]
    first = [each for each in ended if each[1] != Signals.SIGTERM]
    if not first and any(code > 0 for code in codes.values()):
        return None
    return (first or ended)[0]
