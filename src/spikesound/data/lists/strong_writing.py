"""Strong labels written in AudioSet's TSV format, as its readers (and ours) take them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.audioset import seconds
from spikesound.data.lists.strong_labels import CLIP_S

_HEADER = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
_CLIP_ID = re.compile(r"[^#\s][^\t\r\n]*_[0-9]{1,12}")


def write_strong(events: pa.Table, path: Path) -> None:
    """Write events as AudioSet's strong labels, in the order of the table.

    Times have three decimals, or as many as they need. The file appears whole or not at all.

    Parameters
    ----------
    events
        Table EVENTS. A clip's id is that of its media, ``_`` and its start in milliseconds, which
        is what the format calls a segment's id.
    path
        File to write.

    Raises
    ------
    SpikesoundError
        If an id is of another form, a label is empty or has a tab or a newline in it, or an event
        does not lie within the ten seconds of its clip: the format cannot hold it.
    """
    with written_aside(path) as file:
        file.write(_HEADER.encode())
        for batch in events.to_batches(max_chunksize=100_000):
            file.writelines(_line(row, path).encode() for row in batch.to_pylist())


def _line(row: dict[str, object], path: Path) -> str:
    clip_id, label, onset, offset = (
        row[key] for key in ("clip_id", "label", "onset_s", "offset_s")
    )
    assert isinstance(clip_id, str)
    assert isinstance(label, str)
    assert isinstance(onset, float)
    assert isinstance(offset, float)
    if not _CLIP_ID.fullmatch(clip_id):
        raise SpikesoundError(
            f"{path}: expected a clip id of media id, '_' and milliseconds, got {clip_id!r}"
        )
    if not label.strip() or re.search(r"[\t\r\n]", label):
        raise SpikesoundError(f"{path}: {label!r} is not allowed in a table separated by tabs")
    if not 0 <= onset < offset <= CLIP_S:
        raise SpikesoundError(
            f"{path}: {clip_id}: an event from {onset:g} s to {offset:g} s is not within the clip's"
            f" {CLIP_S:g} s"
        )
    return f"{clip_id}\t{seconds(onset)}\t{seconds(offset)}\t{label}\n"
