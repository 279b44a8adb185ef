"""Status of clips that are spike trains: they lie in the source's own files, and need no sound."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from spikesound.core.schema import STATUS, write_table
from spikesound.data.audio_shards import STATUS_FILE, clear


def write_spike_status(clips: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write the table STATUS of clips that are all there, and return it; ``path`` is empty."""
    out.mkdir(parents=True, exist_ok=True)
    clear(out)
    status = pd.DataFrame(
        {
            "clip_id": clips["clip_id"],
            "state": "ok",
            "reason": "",
            "attempts": 0,
            "seconds": clips["end_s"] - clips["start_s"],
            "bytes": 0,
            "sha256": [hashlib.sha256(each.encode()).hexdigest() for each in clips["clip_id"]],
            "path": "",
        }
    )
    write_table(status, STATUS, out / STATUS_FILE)
    return status
