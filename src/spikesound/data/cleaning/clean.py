"""Cleaning steps in their order, and the figures of each for the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from spikesound.data.cleaning.clipping import clipped_share
from spikesound.data.cleaning.dc import Wave, remove_dc
from spikesound.data.cleaning.loudness import normalise_loudness
from spikesound.data.cleaning.trim import trim
from spikesound.data.store import digest
from spikesound.params import CleaningParams

VERSION = 1
"""To be raised when a step's result changes: what the store holds is then recomputed."""


@dataclass(frozen=True)
class Figures:
    """Figures of a clip by step; None where the step is off, or (loudness) there is nothing."""

    clipped_share: float
    dc: float | None = None
    trimmed_start_s: float | None = None
    trimmed_end_s: float | None = None
    loudness_lufs: float | None = None
    gain_db: float | None = None


def clean(samples: Wave, rate_hz: int, params: CleaningParams) -> tuple[Wave, Figures]:
    """Take off the offset, then the silence at the ends, then bring to a loudness.

    Only the steps that are switched on; at the clip's own rate, ahead of resampling. Clipping is
    looked for in the sound as it came.

    Parameters
    ----------
    samples
        One wave in full scale, ``(sample,)``.
    rate_hz
        Its sampling rate.
    """
    share = clipped_share(samples)
    dc = start_s = end_s = lufs = gain_db = None
    if params.remove_dc:
        samples, dc = remove_dc(samples)
    if params.trim_db is not None:
        samples, start_s, end_s = trim(samples, rate_hz, params.trim_db)
    if params.loudness_lufs is not None:
        samples, lufs, gain_db = normalise_loudness(samples, rate_hz, params.loudness_lufs)
    return samples, Figures(share, dc, start_s, end_s, lufs, gain_db)


def mends(params: CleaningParams) -> tuple[str | float | bool | None, ...]:
    """Return what of the parameters changes the sound, for keys: nothing if no step is on."""
    steps = (params.remove_dc, params.trim_db, params.loudness_lufs)
    if steps == (False, None, None):
        return ()
    return ("cleaning", VERSION, *steps)


def looks(params: CleaningParams) -> bool:
    """Tell whether any step needs to look at each clip's sound (duplicates apart)."""
    return bool(mends(params)) or params.clipped_share is not None


def figures_key(sha256: str, params: CleaningParams) -> str:
    """Make the store's key for a clip's figures: of its FLAC's hash and of the steps."""
    return digest("figures", VERSION, sha256, *mends(params))


def to_bytes(figures: Figures) -> bytes:
    """Return the figures as the store keeps them."""
    return json.dumps(asdict(figures)).encode()


def from_bytes(content: bytes) -> Figures:
    """Read figures that :func:`to_bytes` made."""
    return Figures(**json.loads(content))
