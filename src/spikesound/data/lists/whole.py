"""Whether a list from the web came whole: by its number of rows, AudioSet's own by hash too."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.text_lines import blocks


@dataclass(frozen=True)
class Official:
    """What is known of a list of AudioSet's own: its rows, and its hash where we have had it."""

    rows: int
    sha256: str | None = None


_FROM = "us_audioset/youtube_corpus"
OFFICIAL = {
    f"{_FROM}/v1/csv/balanced_train_segments.csv": Official(
        22_160, "3b83e5ff9ed72cfda37d4e36ce08250e107c1ea70f109f6ab6668ac200db5e94"
    ),
    f"{_FROM}/v1/csv/eval_segments.csv": Official(
        20_371, "a67335f66bd67d8698dd92460460acce278d19acb6094b6d815d976fbe2ef6ea"
    ),
    f"{_FROM}/v1/csv/unbalanced_train_segments.csv": Official(2_041_789),
    f"{_FROM}/strong/audioset_train_strong.tsv": Official(934_821),
    f"{_FROM}/strong/audioset_eval_strong.tsv": Official(139_538),
}
"""By the end of their addresses."""

_STATED = re.compile(r"#.*\bnum_segs=(\d+)")


def check_list(path: Path, address: str) -> None:
    """Check that a list has the rows that it states itself, or that AudioSet's own has.

    A list that fails is deleted, so that the next run fetches it again.

    Raises
    ------
    SpikesoundError
        If it has fewer rows, or AudioSet's address gives other content than it did.
    """
    official = next((each for end, each in OFFICIAL.items() if address.endswith(end)), Official(0))
    expected = official.rows
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
    if official.sha256 is None:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != official.sha256:
        path.unlink()
        raise SpikesoundError(
            f"{address}: expected hash sha256:{official.sha256}, got sha256:{digest}. Run it again,"
            " or give this hash with the list's url to take it as it is"
        )
