"""A recording, its clips, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikesound.audio.ffmpeg import MediaError
from spikesound.data.fetch.fetched import Fetched
from spikesound.data.store import digest


@dataclass(frozen=True)
class Clip:
    """A stretch of a recording, and the store's key for its sound."""

    clip_id: str
    start_s: float
    end_s: float
    key: str = ""


@dataclass(frozen=True)
class Recording:
    """A recording, and those of its clips that are wanted.

    Attributes
    ----------
    media_id, location
        Its name, and where it lies.
    clips
        At least one.
    at_hand
        Whether it can be had without asking a site that may refuse.
    """

    media_id: str
    location: str
    clips: tuple[Clip, ...]
    at_hand: bool = False


@dataclass(frozen=True)
class Outcome:
    """A clip's row of STATUS but for the shard, and the store's key for its sound."""

    clip_id: str
    state: str
    reason: str = ""
    attempts: int = 1
    seconds: float = 0.0
    bytes: int = 0
    sha256: str = ""
    key: str = ""


def there(clip: Clip, fetched: Fetched) -> Outcome:
    """Return the outcome of a clip that is as it should be."""
    return Outcome(
        clip.clip_id,
        "ok",
        attempts=fetched.attempts,
        seconds=fetched.seconds,
        bytes=len(fetched.flac),
        sha256=fetched.sha256,
        key=clip.key,
    )


def lost(clip: Clip, error: MediaError, attempts: int = 1) -> Outcome:
    """Return the outcome of a clip that there is no sound of."""
    return Outcome(clip.clip_id, error.state, error.reason, attempts=attempts)


def place_of(recording: Recording, scratch: Path) -> Path:
    """Return where the whole recording lies, if it is fetched whole."""
    return scratch / digest("recording", recording.location)
