"""Manifest of an evaluation: its clips, how many were requested and present, and their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pandas as pd

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.core.states import STATES

_HASH_DIGITS = 16


def manifest_hash(scored: Iterable[str], status: pd.DataFrame) -> str:
    """Return 16 hexadecimal digits that stand for the clips a model was trained and tested on.

    SHA-256 over one line for each clip that was there, sorted by id: the id, the SHA-256 of its
    audio, and whether it was scored. Two models compare only where this is equal: the same
    recordings, bit for bit, to train and to test on.

    Parameters
    ----------
    scored
        Ids of the clips in the model's predictions.
    status
        The STATUS table of the download stage.

    Raises
    ------
    SpikesoundError
        If a scored clip is not ``ok`` in the status table.
    """
    chosen = set(scored)
    present = status[status["state"] == "ok"]
    absent = sorted(chosen - set(present["clip_id"]))
    if absent:
        raise SpikesoundError(
            f"status: clip {absent[0]!r} was scored but is not ok there ({len(absent)} such clips)"
        )
    lines = sorted(
        f"{clip_id} {sha256} {'scored' if clip_id in chosen else 'present'}\n"
        for clip_id, sha256 in zip(present["clip_id"], present["sha256"], strict=True)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:_HASH_DIGITS]


def clip_counts(status: pd.DataFrame) -> dict[str, int]:
    """Return how many clips were requested, how many are present, and how many are in each state.

    Keys are ``asked``, ``present`` (those that are ok) and every state of
    :data:`spikesound.core.states.STATES`, zero where no clip is in it.

    Raises
    ------
    SpikesoundError
        If the table holds a state that is not one of them.
    """
    strange = sorted(set(status["state"]) - set(STATES))
    if strange:
        raise unknown("state in status", strange[0], STATES)
    by_state = {state: int((status["state"] == state).sum()) for state in STATES}
    return {"asked": len(status), "present": by_state["ok"], **by_state}
