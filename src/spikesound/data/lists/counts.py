"""Number of rows of a list from the web: one that was cut off on its way looks whole."""

from __future__ import annotations

import re
from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.text_lines import blocks

OFFICIAL = {
    "us_audioset/youtube_corpus/v1/csv/balanced_train_segments.csv": 22_160,
    "us_audioset/youtube_corpus/v1/csv/eval_segments.csv": 20_371,
    "us_audioset/youtube_corpus/v1/csv/unbalanced_train_segments.csv": 2_041_789,
    "us_audioset/youtube_corpus/strong/audioset_train_strong.tsv": 934_821,
    "us_audioset/youtube_corpus/strong/audioset_eval_strong.tsv": 139_538,
}
"""Rows of AudioSet's own lists, by the end of their addresses."""

_STATED = re.compile(r"#.*\bnum_segs=(\d+)")


def check_count(path: Path, address: str) -> None:
    """Check that a list has as many rows as it states itself, or as AudioSet's own has.

    A list that is too short is deleted, so that the next run fetches it again.

    Raises
    ------
    SpikesoundError
        If it has fewer.
    """
    expected = next((rows for end, rows in OFFICIAL.items() if address.endswith(end)), 0)
    rows = 0
    for _, lines in blocks(path):
        for line in lines.to_pylist():
            if line.startswith("#") and (stated := _STATED.match(line)):
                expected = int(stated[1])
            rows += bool(line.strip()) and not line.startswith(("# ", "segment_id\t"))
    if rows < expected:
        path.unlink()
        raise SpikesoundError(
            f"{address}: {rows:,} of {expected:,} rows; the transfer was cut off. Run it again, or"
            " give the list's hash if it is meant to be so"
        )
