"""A clip as the store keeps it: its sound, and how it was fetched, in one piece.

Both lie in one file, since two could part: a line of JSON, then the FLAC stream. The line holds the
stream's hash, so a file that was damaged since is noticed and made again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property

from spikesound.data.store import Store


@dataclass(frozen=True)
class Fetched:
    """A clip that is as it should be.

    Attributes
    ----------
    flac
        Its sound, of the exact length requested.
    seconds
        How much of it was obtained; the rest is padding.
    attempts
        Number of attempts at its recording.
    """

    flac: bytes
    seconds: float
    attempts: int

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.flac).hexdigest()


@dataclass(frozen=True)
class Verdict:
    """Why there is no sound of a clip, and when that was found out (seconds since 1970)."""

    state: str
    reason: str
    when: float


def keep(store: Store, key: str, fetched: Fetched) -> None:
    """Put a clip into the store."""
    head = {
        "attempts": fetched.attempts,
        "seconds": fetched.seconds,
        "sha256": fetched.sha256,
    }
    store.put(key, json.dumps(head).encode() + b"\n" + fetched.flac)


def recall(store: Store, key: str) -> Fetched | None:
    """Return the clip under the key, or None if it is not there or is damaged."""
    path = store.get(key)
    if path is None:
        return None
    line, _, flac = path.read_bytes().partition(b"\n")
    try:
        head = json.loads(line)
        fetched = Fetched(flac, float(head["seconds"]), int(head["attempts"]))
        return fetched if fetched.sha256 == head["sha256"] else None
    except (ValueError, KeyError, TypeError):
        return None


def keep_verdict(store: Store, key: str, verdict: Verdict) -> None:
    """Put into the store why there is no sound."""
    store.put(key, json.dumps(asdict(verdict)).encode())


def recall_verdict(store: Store, key: str) -> Verdict | None:
    """Return the verdict under the key, or None if it is not there or is damaged."""
    path = store.get(key)
    if path is None:
        return None
    try:
        return Verdict(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        return None
